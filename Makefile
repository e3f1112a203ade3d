# Run `make` for the list of targets. Nothing needs to be installed but Go, git,
# make and a C compiler: tools and the test control plane are built from their
# Go modules and cached in MEDFENCE_CACHE (by default medfence in XDG_CACHE_HOME
# or ~/.cache).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

FUZZTIME ?= 30s 10s
# Modules whose go.mod says more than `go mod tidy` can work out (see verify-tidy).
NESTED := $(patsubst %/go.mod,%,$(wildcard hack/*/go.mod test/*/go.mod))

step := hack/step.sh
# The path of a tool, built on first use: $(call tool,golangci-lint).
tool = tool=$$(hack/tool.sh $(1)); "$$tool"

##@ Try it

.PHONY: help
help: ## This list.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## Medfence at work on a control plane of its own; HELM=1 installs the chart, ONCE=1 ends instead of staying up.
	@$(step) "building the demo" go build -o bin/demo ./hack/demo
	@bin/demo $(if $(HELM),--helm $$(hack/tool.sh helm)) $(if $(ONCE),--once)

.PHONY: image
image: setup ## The image for amd64 and arm64, with SBOM and provenance, into bin/image; VERSION and SOURCE_DATE_EPOCH for a release.
	@$(step) "building hack/image" go -C hack/image build -o $(CURDIR)/bin/build-image .
	@revision=$$(git status --porcelain 2>/dev/null | grep -q . || git rev-parse HEAD 2>/dev/null || true); \
	$(step) "image" bin/build-image --version "$(or $(VERSION),dev)" --revision "$$revision" \
		--source-date-epoch "$(or $(SOURCE_DATE_EPOCH),0)"

##@ Develop

.PHONY: setup
setup: # Installs what is missing on Debian; does nothing where all is there.
	@hack/setup.sh

.PHONY: build
build: setup ## The operator and the CLI, into bin/.
	@$(step) "building" go build -o bin/ . $(wildcard ./cmd/*)

.PHONY: test
test: ## Every test, against a real API server; ARGS for go test.
	@hack/setup.sh test
	@hack/test.sh $(ARGS)

.PHONY: e2e
e2e: setup ## Real packets through real agents, as root; SHORT=1 for under five minutes, ARGS for go test.
	@SHORT=$(SHORT) hack/e2e.sh $(ARGS)

.PHONY: bench
bench: setup ## The operator against lower bounds; N=500 devices (1000), PEER=folder or PEER=render, DOCS=1 for docs/performance.md, ARGS for bench (-help).
	@N=$(or $(N),1000) PEER=$(PEER) hack/bench.sh $(if $(DOCS),-docs docs/performance.md) $(ARGS)

.PHONY: fuzz
fuzz: setup ## Every fuzz target, for FUZZTIME: 30s for what reads what people write, 10s for the rest.
	@hack/fuzz.sh $(FUZZTIME)

.PHONY: hostile
hostile: setup ## Thousands of random valid objects on a real API server; EDITS=3000 SEED=1.
	@KUBEBUILDER_ASSETS=$$(go -C hack/controlplane run . path) HOSTILE=$(or $(EDITS),3000) SEED=$(or $(SEED),1) \
		$(step) "hostile input" go test -count=1 -timeout 60m -v ./test/hostile

.PHONY: adversary
adversary: setup ## Random edits of all policies by somebody else, on both targets, every state judged; EDITS=1000.
	@KUBEBUILDER_ASSETS=$$(go -C hack/controlplane run . path) MEDFENCE_ADVERSARY_EDITS=$(or $(EDITS),1000) \
		$(step) "adversary" go -C test/oracle test -count=1 -timeout 3h -v -run Adversary ./crash

.PHONY: crashes
crashes: setup ## A crash of the operator after every single write of every story, on both targets.
	@KUBEBUILDER_ASSETS=$$(go -C hack/controlplane run . path) MEDFENCE_ALL_CRASHES=1 \
		$(step) "crashes" go -C test/oracle test -count=1 -timeout 3h -v -run 'Stopped|Stor' ./crash

.PHONY: soak
soak: setup ## The operator under change and bad weather for MINUTES=20, into bin/soak; its memory must be flat.
	@KUBEBUILDER_ASSETS=$$(go -C hack/controlplane run . path); export KUBEBUILDER_ASSETS; \
	$(step) "building the soak" go build -o bin/soak/soak ./test/soak && bin/soak/soak --minutes=$(or $(MINUTES),20)

.PHONY: golden
golden: ## Write the golden files anew; review the difference like code.
	@$(step) "golden files" go test \
		$$(git grep --untracked -l 'flag.Bool("update"' -- '*_test.go' | xargs dirname | sort -u | sed 's|^|./|') -update

.PHONY: generate
generate: ## Write everything anew that is generated from the source.
	@$(call tool,controller-gen) object paths=./api/...
	@$(call tool,controller-gen) crd paths=./api/... output:crd:dir=config/crd/bases
	@$(call tool,controller-gen) rbac:roleName=medfence-operator paths=./controllers/... output:rbac:dir=config/rbac
	@$(call tool,crd-ref-docs) --log-level=ERROR --config=hack/tools/crd-ref-docs.yaml \
		--source-path=api --renderer=markdown --output-path=docs/api.md
	@sed -i.bak 's/\(Optional\|Required\|Schemaless\): \\{\\}/\1/' docs/api.md && rm docs/api.md.bak
	@go generate ./...
	@go run ./hack/chart
	@$(call tool,helm-docs) --chart-search-root=charts --log-level=warning

# Not multicall: forty lines that import all of Kubernetes, which the linter
# would read for three minutes in 6 GB.
.PHONY: lint
lint: ## golangci-lint (its formatters and import rules too), and the length of files.
	@tool=$$(hack/tool.sh golangci-lint); failed=0; \
	$(step) "lint" "$$tool" run ./... || failed=1; \
	for dir in $(NESTED); do \
		(cd "$$dir"; go list -f '{{.Dir}}' ./... | sed '/\/multicall$$/d' | \
			xargs -r ../../$(step) "lint $$dir" "$$tool" run) || failed=1; \
	done; \
	hack/verify-length.sh || failed=1; \
	exit $$failed

##@ Before you push

.PHONY: verify
verify: verify-generate verify-tidy verify-config lint ## Generated files current, modules tidy, manifests build, lint.

# A dirty tree fails: stage what you mean to commit first.
.PHONY: verify-generate
verify-generate:
	@$(step) "generate" $(MAKE) --no-print-directory generate
	@git diff --exit-code --stat && ! git ls-files --others --exclude-standard | grep . || { \
		echo "verify: the files above are not what is committed: run 'make generate', read what it changed, and commit it"; \
		exit 1; }

# Not the nested modules. Theirs hold `replace` lines that tidy cannot work out:
# k8s.io/kubernetes requires its own staging modules at v0.0.0, and tidy follows
# the tests of every dependency to packages that exist in no release.
.PHONY: verify-tidy
verify-tidy:
	@$(step) "go mod tidy" go mod tidy -diff || { echo "verify: run 'go mod tidy' and commit go.mod and go.sum"; exit 1; }

.PHONY: verify-config
verify-config:
	@for dir in config/default config/strong-authentication \
		$(patsubst %/kustomization.yaml,%,$(wildcard config/samples/*/kustomization.yaml examples/gitops/*/kustomization.yaml examples/gitops/*/*/kustomization.yaml)); do \
		$(step) "kustomize build $$dir" $$(hack/tool.sh kustomize) build "$$dir" >/dev/null; \
	done
	@$(step) "helm lint" $$(hack/tool.sh helm) lint --strict --quiet charts/medfence
	@$(step) "helm template" $$(hack/tool.sh helm) template medfence charts/medfence --namespace medfence-system >/dev/null

.PHONY: clean
clean: ## Remove bin/. The cache stays: it is outside the tree.
	rm -rf bin

# The operator as a static binary, without a shell, as a user without rights.
#   docker buildx build --platform linux/amd64,linux/arm64 -t medfence .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api api
COPY controllers controllers
COPY internal internal
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w -X main.release=$VERSION" -o /medfence .

FROM gcr.io/distroless/static:nonroot
COPY --from=build /medfence /medfence
USER 65532:65532
ENTRYPOINT ["/medfence"]

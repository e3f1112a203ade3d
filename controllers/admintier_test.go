package controllers

import (
	"context"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	medfencev1alpha1 "github.com/medfence/medfence/api/v1alpha1"
	"github.com/medfence/medfence/test/controlplane"
)

// clusterPolicyCRD stands for that of network-policy-api.sigs.k8s.io, as far as
// an API server must know it.
func clusterPolicyCRD() *apiextensionsv1.CustomResourceDefinition {
	keep := true
	crd := &apiextensionsv1.CustomResourceDefinition{}
	crd.Name = "clusternetworkpolicies.policy.networking.k8s.io"
	crd.Annotations = map[string]string{apiextensionsv1.KubeAPIApprovedAnnotation: "unapproved, for a test"}
	crd.Spec.Group = clusterPolicy.Group
	crd.Spec.Scope = apiextensionsv1.ClusterScoped
	crd.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{
		Plural: "clusternetworkpolicies", Singular: "clusternetworkpolicy", Kind: clusterPolicy.Kind, ListKind: clusterPolicy.Kind + "List",
	}
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: clusterPolicy.Version, Served: true, Storage: true,
		Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
			Type: "object", XPreserveUnknownFields: &keep,
		}},
	}}
	return crd
}

// TestAnAdministratorsPolicyIsNeverTakenForHarmless: in the tier Admin an Accept
// beats every deny, that of the guard too.
func TestAnAdministratorsPolicyIsNeverTakenForHarmless(t *testing.T) {
	l, stop, err := newLab(context.Background(), controlplane.Options{WithoutControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	crds := []*apiextensionsv1.CustomResourceDefinition{clusterPolicyCRD()}
	if _, err := envtest.InstallCRDs(l.cluster.Config(), envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, l, "netpol")
	b.namespace("infusion", "druglib")
	b.create(happy)
	b.isolated("True", medfencev1alpha1.ReasonIsolated)
	const policy = `
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: allow-monitoring}
spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {}}]}]}
`
	b.create(policy)
	b.isolated("Unknown", medfencev1alpha1.ReasonOpeningPossible, "ClusterNetworkPolicy allow-monitoring")
	b.withdraw(policy)
	b.isolated("True", medfencev1alpha1.ReasonIsolated)
}

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An Entity is a party that has no address of its own choosing: the API server
// or the cluster's nodes.
//
// +kubebuilder:validation:Enum=KubeAPIServer;Nodes
type Entity string

// The entities that an Infrastructure zone can hold.
const (
	EntityKubeAPIServer Entity = "KubeAPIServer"
	EntityNodes         Entity = "Nodes"
)

// ZoneMembers says what belongs to a zone: pods by namespace, machines outside
// the cluster by address, hosts elsewhere by name.
//
// +kubebuilder:validation:XValidation:rule="!has(self.podSelector) || has(self.namespaces) || has(self.namespaceSelector)",fieldPath=".podSelector",message="podSelector only narrows namespaces: say which, in namespaces or namespaceSelector"
// +kubebuilder:validation:XValidation:rule="!has(self.namespaces) || !has(self.inventoryNamespaces) || !self.namespaces.exists(n, n in self.inventoryNamespaces)",fieldPath=".inventoryNamespaces",message="a namespace is segmented or only inventory, not both: remove it from namespaces or from inventoryNamespaces"
type ZoneMembers struct {
	// namespaces are the names of the namespaces whose pods belong to the
	// zone. A Device zone lists each of its namespaces here: every pod in them,
	// registered as a device or not, is denied both ways unless a conduit
	// permits the flow. A namespace belongs to one Device zone only;
	// kube-system and other protected namespaces are refused.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="a namespace is named by lower-case letters, digits and '-', and begins and ends with a letter or digit, such as ward-3-pumps"
	Namespaces []string `json:"namespaces,omitempty"`

	// inventoryNamespaces are namespaces that are not segmented, but in which
	// MedicalDevices without pods may join this zone: the place where a
	// department keeps its records of physical devices. Device zones only.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="a namespace is named by lower-case letters, digits and '-', and begins and ends with a letter or digit, such as ward-3-pumps"
	InventoryNamespaces []string `json:"inventoryNamespaces,omitempty"`

	// namespaceSelector selects namespaces by their labels, in addition to
	// those named in namespaces. Not on Device zones, never empty, and at most 32
	// labels. The namespaces of Device zones and protected namespaces are left
	// out.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="namespaceSelector is empty and would select every namespace: name at least one label, or remove it"
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 32) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 32)",message="namespaceSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that"
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// podSelector narrows the zone to these pods of its namespaces; it needs
	// namespaces or namespaceSelector. Not on Device zones (there, MedicalDevices
	// select pods), never empty, and at most 32 labels. Omit for all pods.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="podSelector is empty and would select every pod: name at least one label, or remove it: without podSelector all pods of the namespaces belong to the zone"
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 32) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 32)",message="podSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that"
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`

	// cidrs are the address ranges of the zone's machines outside the cluster,
	// IPv4 or IPv6, as prefixes without host bits: 10.20.0.0/16, 2001:db8::/32
	// (IPv6 in its short lower-case form), 10.20.3.7/32 for one machine. Over all
	// zones the longest prefix decides,
	// as in routing. The same prefix in two zones is a conflict.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32",messageExpression="isIP(self) ? 'a single address needs its length too: write ' + self + (ip(self).family() == 4 ? '/32' : '/128') : 'not a prefix: write the network address and its length, such as 10.20.0.0/16 or 2001:db8::/32'"
	// +kubebuilder:validation:items:XValidation:rule="!isCIDR(self) || cidr(self) == cidr(self).masked()",message="the prefix has host bits: write the network address before the slash",messageExpression="'the prefix has host bits: write %s for the network, or %s/%d for the one machine'.format([string(cidr(self).masked()), string(cidr(self).ip()), cidr(self).ip().family() == 4 ? 32 : 128])"
	// +kubebuilder:validation:items:XValidation:rule="!isCIDR(self) || !(cidr(self) == cidr(self).masked()) || string(cidr(self)) == self",message="write the prefix in its short, lower-case form, such as 2001:db8::/32",messageExpression="'write the prefix in its short, lower-case form: %s'.format([string(cidr(self))])"
	CIDRs []string `json:"cidrs,omitempty"`

	// fqdns are host names outside the cluster that this zone stands for:
	// updates.vendor.example, or a pattern such as *.vendor.example, in lower
	// case and with the domain. Only as the responder (to) of a conduit, not on Device zones, and enforced only by
	// Cilium.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="!isIP(self) && !isCIDR(self)",message="an address, not a name: move it to members.cidrs"
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || isCIDR(self) || self.matches('^([a-z0-9*]([-a-z0-9_*]{0,61}[a-z0-9*])?[.])+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="write the whole host name in lower case, with its domain and without a dot at the end: updates.vendor.example, or *.vendor.example for all names of a domain"
	FQDNs []string `json:"fqdns,omitempty"`

	// entities are parties known to the cluster itself: KubeAPIServer, Nodes.
	// Infrastructure zones only, and enforced only by Cilium.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Entities []Entity `json:"entities,omitempty"`
}

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A ZoneRole says what lives in a zone, and so whether Medfence segments it.
//
// +kubebuilder:validation:Enum=Device;Clinical;Infrastructure;Corporate;External
type ZoneRole string

// The roles of a zone. Only Device zones are segmented; the others are peers
// and are restricted only towards Device zones.
const (
	RoleDevice         ZoneRole = "Device"
	RoleClinical       ZoneRole = "Clinical"
	RoleInfrastructure ZoneRole = "Infrastructure"
	RoleCorporate      ZoneRole = "Corporate"
	RoleExternal       ZoneRole = "External"
)

// An Enforcement says whether a Device zone is closed or only watched.
//
// +kubebuilder:validation:Enum=Observe;Enforce
type Enforcement string

// The two modes of a Device zone.
const (
	Observe Enforcement = "Observe"
	Enforce Enforcement = "Enforce"
)

// A DNSMode says which names the registered pods of a zone may resolve.
//
// +kubebuilder:validation:Enum=Cluster;None;Names
type DNSMode string

// The DNS modes of a zone.
const (
	DNSCluster DNSMode = "Cluster"
	DNSNone    DNSMode = "None"
	DNSNames   DNSMode = "Names"
)

// An EncryptionMode says whether plaintext services may enter or leave a zone.
//
// +kubebuilder:validation:Enum=Optional;Required
type EncryptionMode string

// The encryption modes of a zone.
const (
	EncryptionOptional EncryptionMode = "Optional"
	EncryptionRequired EncryptionMode = "Required"
)

// A DeletionPolicy says what becomes of a zone's baseline when the zone, or a
// namespace in it, goes away while pods still run there.
//
// +kubebuilder:validation:Enum=Retain;Release
type DeletionPolicy string

// The deletion policies of a zone.
const (
	DeletionRetain  DeletionPolicy = "Retain"
	DeletionRelease DeletionPolicy = "Release"
)

// SecurityLevel is the target security level of a zone (SL-T, IEC 62443-3-2
// section 4.7, levels as in IEC 62443-3-3 annex A).
type SecurityLevel struct {
	// target is the security level that the zone must reach: 1 protects
	// against casual misuse, 2 against simple means, 3 against sophisticated
	// means, 4 against a state-like attacker.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4
	Target int32 `json:"target,omitempty"`

	// rationale says why this level was chosen, for the auditor: name the risk
	// assessment and its date.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Rationale string `json:"rationale,omitempty"`
}

// DeviceZoneSpec is what security declares about a zone.
//
// +kubebuilder:validation:XValidation:rule="self.role != 'Device' || has(self.enforcement)",reason=FieldValueRequired,fieldPath=".enforcement",message="enforcement is required for Device zones: set it to Observe (watch only) or Enforce (deny what no conduit permits)"
// +kubebuilder:validation:XValidation:rule="self.role == 'Device' || !has(self.enforcement)",reason=FieldValueForbidden,fieldPath=".enforcement",message="only Device zones are enforced: remove enforcement; this zone is restricted only towards Device zones"
// +kubebuilder:validation:XValidation:rule="self.role != 'Device' || !has(self.members) || !has(self.members.namespaceSelector)",reason=FieldValueForbidden,fieldPath=".members.namespaceSelector",message="a Device zone names its namespaces, so that no label can move one in or out: list them in members.namespaces and remove namespaceSelector"
// +kubebuilder:validation:XValidation:rule="self.role != 'Device' || !has(self.members) || !has(self.members.podSelector)",reason=FieldValueForbidden,fieldPath=".members.podSelector",message="a Device zone holds every pod of its namespaces: remove podSelector; MedicalDevices select the pods that are devices"
// +kubebuilder:validation:XValidation:rule="self.role != 'Device' || !has(self.members) || !has(self.members.fqdns)",reason=FieldValueForbidden,fieldPath=".members.fqdns",message="a Device zone has no fqdns: give its machines by address in members.cidrs, or put the names in an External zone and join the two by a conduit"
// +kubebuilder:validation:XValidation:rule="self.role == 'Infrastructure' || !has(self.members) || !has(self.members.entities)",reason=FieldValueForbidden,fieldPath=".members.entities",message="entities belong to Infrastructure zones: put KubeAPIServer and Nodes in a zone with role Infrastructure and join the two by a conduit"
// +kubebuilder:validation:XValidation:rule="self.role == 'Device' || !has(self.members) || !has(self.members.inventoryNamespaces)",reason=FieldValueForbidden,fieldPath=".members.inventoryNamespaces",message="inventoryNamespaces are for Device zones: no MedicalDevice can join this zone; remove them, or use namespaces for its pods"
// +kubebuilder:validation:XValidation:rule="self.role != 'Device' || !has(self.members) || !has(self.members.namespaces) || !self.members.namespaces.exists(n, n in ['kube-system', 'kube-public', 'kube-node-lease', 'default'])",fieldPath=".members.namespaces",message="kube-system, kube-public, kube-node-lease and default cannot be segmented, the cluster itself needs them: move the devices to a namespace of their own",messageExpression="'%s cannot be segmented, the cluster itself needs it: move the devices to a namespace of their own'.format([self.members.namespaces.filter(n, n in ['kube-system', 'kube-public', 'kube-node-lease', 'default'])[0]])"
type DeviceZoneSpec struct {
	// role says what lives in the zone. Device zones are segmented; Clinical,
	// Infrastructure, Corporate and External zones are peers and are restricted
	// only towards Device zones. It cannot be changed: create a new zone instead.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="role cannot be changed: create a new zone with the right role, move the members and conduits to it, then delete this one"
	Role ZoneRole `json:"role,omitempty"`

	// enforcement says whether the zone is closed. Observe writes the rules that
	// permit, and none that deny: look at UNREGISTERED and at the flows that
	// would be dropped first. Enforce denies whatever no conduit permits.
	// Required for Device zones, without a default, so that a line lost in Git
	// cannot flip a ward; not allowed on other roles.
	//
	// +optional
	Enforcement Enforcement `json:"enforcement,omitempty"`

	// members says what belongs to the zone. A zone without members is accepted
	// and waits for them.
	//
	// +optional
	Members ZoneMembers `json:"members,omitzero"`

	// dns says which names the registered pods of the zone may resolve. Cluster:
	// any name, at the cluster's DNS. None: DNS is closed. Names: only the names
	// of conduits to FQDNs and the cluster's own domain (Cilium; elsewhere as
	// Cluster). Unregistered pods of an enforced zone never resolve names. It
	// says nothing about zones of other roles, which are not segmented.
	//
	// +optional
	// +kubebuilder:default=Cluster
	DNS DNSMode `json:"dns,omitempty"`

	// encryption says whether plaintext services may enter or leave the zone.
	// Optional: they pass with a warning. Required: a conduit with one is
	// refused unless it carries a riskAcceptance. It counts on both ends of a
	// conduit, so a zone of any role may require it. A conduit that was accepted
	// before is not cut; it is reported.
	//
	// +optional
	// +kubebuilder:default=Optional
	Encryption EncryptionMode `json:"encryption,omitempty"`

	// securityLevel is the target security level of the zone (SL-T of
	// IEC 62443-3-2). Documentation for auditors; it changes no rule.
	//
	// +optional
	SecurityLevel *SecurityLevel `json:"securityLevel,omitempty"`

	// owner is the team or person to call about this zone, at night too. Shown by
	// kubectl get -o wide.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Owner string `json:"owner,omitempty"`

	// description says what the zone is for.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// deletionPolicy says what becomes of the zone's isolation when the zone, or
	// a namespace of it, is removed while pods still run there. Retain keeps the
	// namespaces closed until they have no pods. Release opens them. It says
	// nothing about zones of other roles, which close no namespace.
	//
	// +optional
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// AcceptedZone is the last spec of a zone that compiled. It stays in force
// while the current spec has a Problem.
type AcceptedZone struct {
	// generation is metadata.generation of the spec that was accepted.
	//
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// since is when the zone was first accepted. In a conflict the object that
	// was accepted first keeps its rights.
	//
	// +optional
	Since metav1.Time `json:"since,omitzero"`

	// spec is the accepted spec.
	//
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec DeviceZoneSpec `json:"spec,omitzero"`
}

// NamespaceStatus tells how a namespace of a Device zone stands.
type NamespaceStatus struct {
	// name is the name of the namespace.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// held is true for a namespace that the zone no longer lists, or whose zone
	// is being deleted, and that stays closed because pods still run in it.
	//
	// +optional
	Held bool `json:"held,omitempty"`

	// baseline is true when the policy that denies everything stands in the
	// namespace.
	//
	// +optional
	Baseline bool `json:"baseline,omitempty"`
}

// DeviceZoneStatus is what the operator saw and did.
type DeviceZoneStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// devices counts the accepted MedicalDevices of the zone.
	//
	// +optional
	Devices int32 `json:"devices"`

	// pods counts the pods in the zone's namespaces that have not ended. On a
	// peer zone it counts those that its selectors match.
	//
	// +optional
	Pods int32 `json:"pods"`

	// unregistered counts the pods of a Device zone that no MedicalDevice
	// selects. They reach nothing once the zone is enforced.
	//
	// +optional
	Unregistered int32 `json:"unregistered"`

	// conduits counts the accepted conduits that begin or end in the zone.
	//
	// +optional
	Conduits int32 `json:"conduits"`

	// warnings counts the warnings among the problems.
	//
	// +optional
	Warnings int32 `json:"warnings"`

	// problems lists what is wrong, errors first; at most 32 are listed.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Problems []ProblemStatus `json:"problems,omitempty"`

	// openings lists the rules of other people's policies that let pass what no
	// conduit permits, open ones first; at most 32 are listed.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Openings []OpeningStatus `json:"openings,omitempty"`

	// namespaces lists the namespaces that the zone keeps closed.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=512
	Namespaces []NamespaceStatus `json:"namespaces,omitempty"`

	// policies records the objects that Medfence wrote for this zone; only what
	// is recorded here is ever pruned.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	Policies []PolicyReference `json:"policies,omitempty"`

	// accepted is the last spec that compiled.
	//
	// +optional
	Accepted *AcceptedZone `json:"accepted,omitempty"`

	// conditions are Accepted, Enforced, Ready, of Device zones Isolated, where
	// there is a guard WithinBudget, and, while you must act, Stalled.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A DeviceZone groups devices, or their peers, that share one security
// requirement (a zone in the sense of IEC 62443-3-2). Zones talk only through
// Conduits.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=dz,categories=medfence
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Enforcement",type=string,JSONPath=`.spec.enforcement`
// +kubebuilder:printcolumn:name="Devices",type=integer,JSONPath=`.status.devices`
// +kubebuilder:printcolumn:name="Pods",type=integer,JSONPath=`.status.pods`
// +kubebuilder:printcolumn:name="Unregistered",type=integer,JSONPath=`.status.unregistered`
// +kubebuilder:printcolumn:name="Conduits",type=integer,JSONPath=`.status.conduits`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Warnings",type=integer,JSONPath=`.status.warnings`,priority=1
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",message="the name of a zone is at most 63 characters, without dots, because it is part of the names of policies: use '-' instead, such as imaging-a"
type DeviceZone struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what security declares about the zone.
	//
	// +required
	Spec DeviceZoneSpec `json:"spec,omitzero"`

	// status is what the operator saw and did.
	//
	// +optional
	Status DeviceZoneStatus `json:"status,omitzero"`
}

// DeviceZoneList is a list of DeviceZones.
//
// +kubebuilder:object:root=true
type DeviceZoneList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DeviceZone `json:"items"`
}

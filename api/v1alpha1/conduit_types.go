package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Protocol is a transport protocol of an inline service.
//
// +kubebuilder:validation:Enum=TCP;UDP;SCTP;ICMP
type Protocol string

// An Encrypted tells whether an inline service encrypts its traffic.
//
// +kubebuilder:validation:Enum=Yes;No
type Encrypted string

// Whether a service encrypts its traffic.
const (
	EncryptedYes Encrypted = "Yes"
	EncryptedNo  Encrypted = "No"
)

// ConduitEnd is one side of a conduit.
type ConduitEnd struct {
	// zones are the names of the zones on this side. Several zones on both sides
	// mean every pair of them.
	//
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Zones []string `json:"zones,omitempty"`

	// deviceSelector narrows Device zones to the MedicalDevices whose labels it
	// matches. It reads the labels of MedicalDevices, not of pods. Not on a side
	// that names a zone of another role, never empty, and at most 32 labels. Omit
	// for all accepted devices and all cidrs of the zones.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="deviceSelector is empty and would select every device: name at least one label, or remove it: without deviceSelector all devices and cidrs of the zones are meant"
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 32) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 32)",message="deviceSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that"
	DeviceSelector *metav1.LabelSelector `json:"deviceSelector,omitempty"`
}

// ConduitHTTPRule permits HTTP requests by method and path.
//
// +kubebuilder:validation:XValidation:rule="has(self.method) || has(self.path)",message="an empty rule permits every request: give method, path or both, or remove http from the conduit"
type ConduitHTTPRule struct {
	// method is the request method, such as GET. Omit for every method.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Z]+$')",message="write one method in capital letters, such as GET; each further method is a rule of its own"
	Method string `json:"method,omitempty"`

	// path is an extended regular expression that the whole path must match, such
	// as /fhir/Observation(/.*)?. Omit for every path.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Path string `json:"path,omitempty"`
}

// ConduitService is a service that a conduit permits: a name of the catalogue,
// or a protocol with ports.
//
// +kubebuilder:validation:XValidation:rule="has(self.name) || has(self.protocol)",message="a service is a name of the catalogue, such as dicom, or a protocol with its port: give name or protocol"
// +kubebuilder:validation:XValidation:rule="!has(self.name) || !has(self.protocol)",fieldPath=".protocol",reason=FieldValueForbidden,message="the catalogue knows the protocol of a named service: remove protocol, or remove name and describe the service by protocol and port"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol == 'ICMP' || has(self.port)",fieldPath=".port",reason=FieldValueRequired,message="port is required with TCP, UDP and SCTP: give the port on which the pod or device listens, not that of a Service"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'ICMP' || !has(self.port)",fieldPath=".port",reason=FieldValueForbidden,message="ICMP has no ports: remove port and give icmpType, such as 8 for an IPv4 echo request or 128 for an IPv6 one"
// +kubebuilder:validation:XValidation:rule="!has(self.protocol) || self.protocol != 'ICMP' || has(self.icmpType)",fieldPath=".icmpType",reason=FieldValueRequired,message="icmpType is required with ICMP: 8 is an IPv4 echo request, 128 an IPv6 one"
// +kubebuilder:validation:XValidation:rule="!has(self.icmpType) || (has(self.protocol) && self.protocol == 'ICMP')",fieldPath=".icmpType",reason=FieldValueForbidden,message="icmpType is for protocol ICMP only: remove it"
// +kubebuilder:validation:XValidation:rule="!has(self.endPort) || has(self.port)",fieldPath=".endPort",message="endPort ends a range that begins at port: give port too, or remove endPort"
// +kubebuilder:validation:XValidation:rule="!has(self.endPort) || !has(self.port) || self.endPort >= self.port",fieldPath=".endPort",message="endPort is lower than port: write the lower port in port and the higher in endPort"
// +kubebuilder:validation:XValidation:rule="!has(self.encrypted) || !has(self.name)",fieldPath=".encrypted",reason=FieldValueForbidden,message="the catalogue knows whether a named service encrypts its traffic: remove encrypted, or choose the encrypted service of the catalogue, such as dicom-tls"
type ConduitService struct {
	// name is the name of a service in the catalogue, such as dicom or hl7-mllp.
	// Omit for an inline service.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// protocol is the protocol of an inline service: TCP, UDP, SCTP or ICMP.
	// Omit with name.
	//
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`

	// port is the destination port as the pod or device listens on it (the
	// targetPort, not the port of a Service). With name it replaces the
	// catalogue's ports. Omit for ICMP.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`

	// endPort makes a range from port to endPort, both included. Omit for the one
	// port.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	EndPort *int32 `json:"endPort,omitempty"`

	// icmpType is the ICMP type that may pass, such as 8 for an IPv4 echo request
	// or 128 for an IPv6 one. Required for ICMP, not allowed elsewhere.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=255
	ICMPType *int32 `json:"icmpType,omitempty"`

	// encrypted says whether an inline service encrypts its traffic. Omitted
	// means No. Omit with name: the catalogue knows.
	//
	// +optional
	Encrypted Encrypted `json:"encrypted,omitempty"`
}

// ConduitSpec is what security permits, and why.
//
// +kubebuilder:validation:XValidation:rule="!has(self.http) || !self.services.exists(s, has(s.protocol) && s.protocol != 'TCP')",fieldPath=".http",message="http narrows TCP services only: move the UDP, SCTP and ICMP services to a conduit of their own"
// +kubebuilder:validation:XValidation:rule="!has(self.startsAt) || !has(self.expiresAt) || self.startsAt < self.expiresAt",fieldPath=".expiresAt",message="the conduit would end before it begins: set expiresAt to a time after startsAt, such as 2030-01-31T18:00:00Z"
type ConduitSpec struct {
	// from is the side that opens the connection (the initiator).
	//
	// +required
	From ConduitEnd `json:"from,omitzero"`

	// to is the side that answers (the responder). Replies pass by themselves;
	// call-backs, such as those of DICOM C-MOVE, are a second conduit.
	//
	// +required
	To ConduitEnd `json:"to,omitzero"`

	// services are what may pass. Each is listed once.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a == b))",message="a service is listed twice: keep one of the two"
	Services []ConduitService `json:"services,omitempty"`

	// http narrows every service of the conduit to these requests. Enforced only
	// by Cilium with its Envoy proxy; elsewhere the services are not opened. TCP
	// services only.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a == b))",message="a request is listed twice: keep one of the two"
	HTTP []ConduitHTTPRule `json:"http,omitempty"`

	// purpose says in one sentence why this flow is needed, for the auditor and
	// for the night shift.
	//
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=256
	Purpose string `json:"purpose,omitempty"`

	// dataClass says whether patient data passes: PHI (protected health
	// information) or None. Omit if nobody has said yet. It changes no rule.
	//
	// +optional
	DataClass DataClass `json:"dataClass,omitempty"`

	// startsAt is when the conduit opens, as date, time and zone:
	// 2030-01-31T18:00:00Z, or 2030-01-31T19:00:00+01:00. Omit to open at once.
	//
	// +optional
	StartsAt *metav1.Time `json:"startsAt,omitempty"`

	// expiresAt is when the conduit closes: from this moment on nothing passes. It
	// is written like startsAt and lies after it. Omit for no end.
	//
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// riskAcceptance says, in the auditor's words, who accepts the risk of a
	// dangerous or plaintext service, until when and why. It turns these problems
	// into warnings. Omit where there is no such service.
	//
	// +optional
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=512
	RiskAcceptance string `json:"riskAcceptance,omitempty"`
}

// AcceptedService is a service as it was resolved when its conduit was
// accepted. A new catalogue does not change it.
type AcceptedService struct {
	// name is the catalogue name, or empty for an inline service.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// protocol is TCP, UDP, SCTP or ICMP.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=8
	Protocol string `json:"protocol,omitempty"`

	// ports are the destination ports, such as "104" or "2000-2010".
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=11
	Ports []string `json:"ports,omitempty"`

	// icmpTypes are the ICMP types.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	ICMPTypes []int32 `json:"icmpTypes,omitempty"`

	// encrypted tells whether the service encrypts its traffic.
	//
	// +optional
	Encrypted bool `json:"encrypted,omitempty"`
}

// AcceptedConduit is the last spec of a conduit that compiled. It stays in
// force while the current spec has a Problem.
type AcceptedConduit struct {
	// generation is metadata.generation of the spec that was accepted.
	//
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// since is when the conduit was first accepted.
	//
	// +optional
	Since metav1.Time `json:"since,omitzero"`

	// services are the services of the spec as they were resolved then, one or
	// more for each entry of spec.services, in their order.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Services []AcceptedService `json:"services,omitempty"`

	// spec is the accepted spec.
	//
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec ConduitSpec `json:"spec,omitzero"`
}

// An EnforcementPoint says who enforces a conduit.
type EnforcementPoint string

// The enforcement points. Network means that no end is a pod: the switches and
// firewalls of the hospital must enforce it. Both means that some pairs of ends
// have a pod and some do not.
const (
	EnforcedByCluster EnforcementPoint = "Cluster"
	EnforcedByBoth    EnforcementPoint = "Both"
	EnforcedByNetwork EnforcementPoint = "Network"
)

// ConduitStatus is what the operator saw and did.
type ConduitStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// from is the initiating side in short: "imaging-a, -b".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	From string `json:"from,omitempty"`

	// to is the answering side in short.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	To string `json:"to,omitempty"`

	// services is what may pass in short: "dicom:4242".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Services string `json:"services,omitempty"`

	// expires is when the conduit closes, as 2030-01-31T18:00:00Z, or empty for
	// no end.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Expires string `json:"expires,omitempty"`

	// enforcementPoint says who enforces the conduit: Cluster, Network (no end is
	// a pod: your switches must), or Both.
	//
	// +optional
	// +kubebuilder:validation:Enum=Cluster;Both;Network
	EnforcementPoint EnforcementPoint `json:"enforcementPoint,omitempty"`

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

	// accepted is the last spec that compiled.
	//
	// +optional
	Accepted *AcceptedConduit `json:"accepted,omitempty"`

	// ended is the expiresAt that the conduit was seen to have passed. It stays
	// ended while its expiresAt is not later, also where the clock is set back.
	//
	// +optional
	Ended *metav1.Time `json:"ended,omitempty"`

	// conditions are Accepted, Enforced, Ready and, while you must act, Stalled.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A Conduit permits a flow between zones: who opens it, who answers, by which
// services, why, and for how long (a conduit in the sense of IEC 62443-3-2).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=cdt,categories=medfence
// +kubebuilder:printcolumn:name="From",type=string,JSONPath=`.status.from`
// +kubebuilder:printcolumn:name="To",type=string,JSONPath=`.status.to`
// +kubebuilder:printcolumn:name="Services",type=string,JSONPath=`.status.services`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expires`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Purpose",type=string,JSONPath=`.spec.purpose`
// +kubebuilder:printcolumn:name="Enforced by",type=string,JSONPath=`.status.enforcementPoint`,priority=1
// +kubebuilder:printcolumn:name="Warnings",type=integer,JSONPath=`.status.warnings`,priority=1
// +kubebuilder:printcolumn:name="Risk",type=string,JSONPath=`.spec.riskAcceptance`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1
type Conduit struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what security permits, and why.
	//
	// +required
	Spec ConduitSpec `json:"spec,omitzero"`

	// status is what the operator saw and did.
	//
	// +optional
	Status ConduitStatus `json:"status,omitzero"`
}

// ConduitList is a list of Conduits.
//
// +kubebuilder:object:root=true
type ConduitList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Conduit `json:"items"`
}

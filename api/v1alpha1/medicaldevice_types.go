package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Criticality says what a patient loses when the device loses its network.
//
// +kubebuilder:validation:Enum=LifeSustaining;LifeSupporting;Therapeutic;Diagnostic;Monitoring;Ancillary
type Criticality string

// The criticalities of a device, most critical first.
const (
	CriticalityLifeSustaining Criticality = "LifeSustaining"
	CriticalityLifeSupporting Criticality = "LifeSupporting"
	CriticalityTherapeutic    Criticality = "Therapeutic"
	CriticalityDiagnostic     Criticality = "Diagnostic"
	CriticalityMonitoring     Criticality = "Monitoring"
	CriticalityAncillary      Criticality = "Ancillary"
)

// A DataClass says whether patient data (protected health information) is
// stored or carried.
//
// +kubebuilder:validation:Enum=PHI;None
type DataClass string

// The data classes.
const (
	DataPHI  DataClass = "PHI"
	DataNone DataClass = "None"
)

// DeviceWorkload names the pods that are, or that speak for, a device.
type DeviceWorkload struct {
	// podSelector selects the device's pods in the device's own namespace, which
	// must be one of its zone's namespaces. Never empty, and at most 32 labels. A
	// pod belongs to one device, or to several with equal selectors.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",message="podSelector is empty and would select every pod of the namespace: name at least one label; a device without pods has no workload"
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 32) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 32)",message="podSelector may have at most 32 matchLabels and 32 matchExpressions: give the objects one label of their own and select that"
	PodSelector metav1.LabelSelector `json:"podSelector,omitzero"`
}

// DeviceIdentity is what the inventory knows about a device. None of it changes
// a rule.
type DeviceIdentity struct {
	// manufacturer is the maker's name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Manufacturer string `json:"manufacturer,omitempty"`

	// model is the maker's model name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Model string `json:"model,omitempty"`

	// serialNumber is the maker's serial number.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	SerialNumber string `json:"serialNumber,omitempty"`

	// firmwareVersion is the version of the software on the device.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	FirmwareVersion string `json:"firmwareVersion,omitempty"`

	// udi is the Unique Device Identifier (21 CFR part 830; Regulation (EU)
	// 2017/745, article 27).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	UDI string `json:"udi,omitempty"`

	// assetTag is the hospital's own inventory number.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	AssetTag string `json:"assetTag,omitempty"`

	// macAddresses are the device's hardware addresses, as
	// 00:1a:2b:3c:4d:5e.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=17
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$')",message="write a hardware address as six pairs of hexadecimal digits, such as 00:1a:2b:3c:4d:5e"
	MACAddresses []string `json:"macAddresses,omitempty"`

	// aeTitle is the device's DICOM application entity title (DICOM PS3.5,
	// section 6.2: at most 16 characters).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	AETitle string `json:"aeTitle,omitempty"`
}

// MedicalDeviceSpec is what clinical engineering declares about a device.
type MedicalDeviceSpec struct {
	// zone is the name of the DeviceZone, of role Device, that the device belongs
	// to. The device's namespace must be one of the zone's namespaces or, for a
	// device without pods, of its inventoryNamespaces. It may be changed: the
	// device then leaves the conduits of the old zone and joins those of the new
	// one.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Zone string `json:"zone,omitempty"`

	// criticality says what a patient loses when the device loses its network.
	// LifeSustaining: life depends on it at this moment (ventilator, infusion of
	// vasopressors). LifeSupporting: life depends on it soon. Therapeutic: it
	// treats. Diagnostic: it informs a diagnosis. Monitoring: it watches.
	// Ancillary: it helps the staff. There is no default: somebody who knows the
	// device must say it. It changes no rule.
	//
	// +required
	Criticality Criticality `json:"criticality,omitempty"`

	// workload names the device's pods, where it has any. Omit for a device
	// outside the cluster.
	//
	// +optional
	Workload *DeviceWorkload `json:"workload,omitempty"`

	// addresses are the device's own addresses outside the cluster, inside the
	// cidrs of its zone: IPs (10.20.3.7, 2001:db8::7) or prefixes without host
	// bits (10.20.3.0/28), IPv6 in its short lower-case form. A zone without
	// cidrs takes none. Omit both workload and addresses for a device that is
	// only in the inventory, somewhere in the zone's cidrs.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) || isCIDR(self)",message="not an address: write an IP such as 10.20.3.7 or 2001:db8::7, or a prefix such as 10.20.3.0/28"
	// +kubebuilder:validation:items:XValidation:rule="!isCIDR(self) || cidr(self) == cidr(self).masked()",message="the prefix has host bits: write the network address before the slash, or the address alone",messageExpression="'the prefix has host bits: write %s for all its addresses, or %s for the one address'.format([string(cidr(self).masked()), string(cidr(self).ip())])"
	// +kubebuilder:validation:items:XValidation:rule="isIP(self) ? ip.isCanonical(self) : (!isCIDR(self) || !(cidr(self) == cidr(self).masked()) || string(cidr(self)) == self)",message="write the address in its short, lower-case form, such as 2001:db8::7",messageExpression="'write the address in its short, lower-case form: %s'.format([isIP(self) ? string(ip(self)) : string(cidr(self))])"
	// +kubebuilder:validation:XValidation:rule="!self.exists(a, isIP(a) && (a + (ip(a).family() == 4 ? '/32' : '/128')) in self)",message="an address is given twice, alone and as a prefix of full length: keep one of the two, such as 10.20.3.7 without 10.20.3.7/32"
	Addresses []string `json:"addresses,omitempty"`

	// identity is what the inventory knows about the device. Every field may be
	// omitted, and none changes a rule.
	//
	// +optional
	Identity DeviceIdentity `json:"identity,omitzero"`

	// dataClass says whether the device stores or sends patient data: PHI
	// (protected health information) or None. Omit if nobody has said yet. It
	// changes no rule.
	//
	// +optional
	DataClass DataClass `json:"dataClass,omitempty"`
}

// AcceptedDevice is the last spec of a device that compiled. It stays in force
// while the current spec has a Problem.
type AcceptedDevice struct {
	// generation is metadata.generation of the spec that was accepted.
	//
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// since is when the device was first accepted. In a conflict the object that
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
	Spec MedicalDeviceSpec `json:"spec,omitzero"`
}

// MedicalDeviceStatus is what the operator saw.
type MedicalDeviceStatus struct {
	// observedGeneration is the generation of the spec that this status is about.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// located says where the device is: "2 pods", "1 address", "2 pods, 1
	// address", or "zone" for a device that is only in the inventory.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Located string `json:"located,omitempty"`

	// pods counts the pods that the device's selector matches and that have not
	// ended.
	//
	// +optional
	Pods int32 `json:"pods"`

	// conduits counts the accepted conduits that the device takes part in.
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

	// accepted is the last spec that compiled.
	//
	// +optional
	Accepted *AcceptedDevice `json:"accepted,omitempty"`

	// conditions are Accepted, Enforced, Ready and, while you must act, Stalled.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A MedicalDevice is one device of the hospital, or one pool of equal devices:
// a pump, a monitor, a scanner, or the gateway pods that speak for them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=md,categories=medfence
// +kubebuilder:printcolumn:name="Zone",type=string,JSONPath=`.spec.zone`
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.spec.identity.model`
// +kubebuilder:printcolumn:name="Criticality",type=string,JSONPath=`.spec.criticality`
// +kubebuilder:printcolumn:name="Located",type=string,JSONPath=`.status.located`
// +kubebuilder:printcolumn:name="Conduits",type=integer,JSONPath=`.status.conduits`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Warnings",type=integer,JSONPath=`.status.warnings`,priority=1
// +kubebuilder:printcolumn:name="Asset",type=string,JSONPath=`.spec.identity.assetTag`,priority=1
// +kubebuilder:printcolumn:name="Firmware",type=string,JSONPath=`.spec.identity.firmwareVersion`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type MedicalDevice struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what clinical engineering declares about the device.
	//
	// +required
	Spec MedicalDeviceSpec `json:"spec,omitzero"`

	// status is what the operator saw.
	//
	// +optional
	Status MedicalDeviceStatus `json:"status,omitzero"`
}

// MedicalDeviceList is a list of MedicalDevices.
//
// +kubebuilder:object:root=true
type MedicalDeviceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MedicalDevice `json:"items"`
}

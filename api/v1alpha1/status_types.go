package v1alpha1

// ProblemStatus is one Problem or warning about an object.
type ProblemStatus struct {
	// reason names the problem; docs/reasons has a page for each.
	//
	// +required
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// severity is Refuse (the last accepted spec stays in force) or Warn.
	//
	// +required
	// +kubebuilder:validation:Enum=Refuse;Warn
	Severity Severity `json:"severity,omitempty"`

	// path is the field that is wrong, such as spec.services[2].port.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Path string `json:"path,omitempty"`

	// message is one sentence that says what to change.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// PolicyReference names an object that Medfence wrote.
type PolicyReference struct {
	// kind is NetworkPolicy, CiliumNetworkPolicy,
	// CiliumClusterwideNetworkPolicy or CiliumCIDRGroup.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// namespace is empty for cluster-scoped kinds.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name is the object's name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// uid is the object's UID: an object that was deleted and created anew by
	// somebody else is not ours.
	//
	// +required
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

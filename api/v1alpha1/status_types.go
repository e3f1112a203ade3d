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

// An OpeningStatus is a rule of somebody else's policy that lets pass, to or from
// the zone's pods, what no conduit permits.
type OpeningStatus struct {
	// kind is the kind of the policy.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// namespace is empty for cluster-scoped kinds.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name is that of the policy.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// rule is where in the policy it stands, such as spec.ingress[0]; empty for a
	// policy that cannot be read.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Rule string `json:"rule,omitempty"`

	// passes says what passes, in words: who reaches whom on which ports.
	//
	// +required
	// +kubebuilder:validation:MaxLength=512
	Passes string `json:"passes,omitempty"`

	// state is Open; Blocked where the zone's guard or another deny stops all of
	// it; Possible where the policies alone do not tell.
	//
	// +required
	State OpeningState `json:"state,omitempty"`
}

// An OpeningState says what becomes of an opening.
//
// +kubebuilder:validation:Enum=Open;Possible;Blocked
type OpeningState string

const (
	// OpeningOpen says that it passes.
	OpeningOpen OpeningState = "Open"
	// OpeningPossible says that the policies alone do not tell.
	OpeningPossible OpeningState = "Possible"
	// OpeningBlocked says that a deny rule stops it.
	OpeningBlocked OpeningState = "Blocked"
)

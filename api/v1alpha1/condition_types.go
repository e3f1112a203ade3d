package v1alpha1

// Condition types. All have positive polarity but Stalled, which kstatus, Flux
// and Argo CD read as "the user must act".
const (
	// ConditionAccepted is True when the current spec compiles.
	ConditionAccepted = "Accepted"
	// ConditionEnforced is True when the cluster holds what was rendered.
	ConditionEnforced = "Enforced"
	// ConditionWithinBudget is True when the zone's guard takes no more than half
	// of the policy map of its pods. It is absent where there is no guard.
	ConditionWithinBudget = "WithinBudget"
	// ConditionIsolated is True when no flow passes that no conduit permits,
	// whoever wrote the policies.
	ConditionIsolated = "Isolated"
	// ConditionReady sums the others up.
	ConditionReady = "Ready"
	// ConditionStalled is present, and True, while the user must act.
	ConditionStalled = "Stalled"
)

// Reasons of conditions that name no problem.
const (
	// ReasonAccepted: the current spec is in force.
	ReasonAccepted = "Accepted"
	// ReasonEnforced: the cluster holds what was rendered.
	ReasonEnforced = "Enforced"
	// ReasonEnforcedInPart: all but what a warning names is in force.
	ReasonEnforcedInPart = "EnforcedInPart"
	// ReasonObserving: the zone is in Observe; nothing is denied.
	ReasonObserving = "Observing"
	// ReasonPeer: the zone is not a Device zone; it is not segmented.
	ReasonPeer = "Peer"
	// ReasonNoMembers: the zone, device or conduit side has no members yet.
	ReasonNoMembers = "NoMembers"
	// ReasonScheduled: the conduit has not begun yet.
	ReasonScheduled = "Scheduled"
	// ReasonExpired: the conduit has ended.
	ReasonExpired = "Expired"
	// ReasonNetworkOnly: no end is a pod; the hospital's switches must enforce it.
	ReasonNetworkOnly = "NetworkOnly"
	// ReasonReleasing: the zone is being deleted and its policies are removed.
	ReasonReleasing = "Releasing"
	// ReasonHeld: the zone is being deleted but pods still run in its namespaces.
	ReasonHeld = "Held"
	// ReasonWriting: the operator could not write yet; it tries again.
	ReasonWriting = "Writing"
	// ReasonCiliumVoids: a setting of Cilium's defeats the zone's policies.
	ReasonCiliumVoids = "CiliumVoids"
	// ReasonPolicyInvalid: Cilium does not take one of the zone's policies.
	ReasonPolicyInvalid = "PolicyInvalid"
	// ReasonWithinBudget: the guard takes no more than half of a policy map.
	ReasonWithinBudget = "WithinBudget"
	// ReasonOverBudget: the exact guard would take more; a coarser one is written.
	ReasonOverBudget = "OverBudget"
	// ReasonBudgetUnknown: the number of Cilium's identities is not known.
	ReasonBudgetUnknown = "BudgetUnknown"
	// ReasonIsolated: nobody's policy lets pass what no conduit permits.
	ReasonIsolated = "Isolated"
	// ReasonOpened: somebody else's policy lets pass what no conduit permits.
	ReasonOpened = "Opened"
	// ReasonOpeningPossible: somebody else's policy may let pass what no conduit
	// permits, and cannot be judged by what it says.
	ReasonOpeningPossible = "OpeningPossible"
	// ReasonFlowClosed: somebody else's policy stops what the conduit permits.
	ReasonFlowClosed = "FlowClosed"
	// ReasonInputUnknown: something that the compiler must know cannot be read;
	// what was in force stays in force.
	ReasonInputUnknown = "InputUnknown"
)

// Reasons of problems that refuse the current spec: a mistake in what the user
// wrote. The last accepted spec stays in force.
const (
	ReasonUnknownZone          = "UnknownZone"
	ReasonZoneNotDevice        = "ZoneNotDevice"
	ReasonUnknownService       = "UnknownService"
	ReasonPortOverride         = "PortOverride"
	ReasonServiceInvalid       = "ServiceInvalid"
	ReasonDangerousService     = "DangerousService"
	ReasonEncryptionRequired   = "EncryptionRequired"
	ReasonNamespaceNotInZone   = "NamespaceNotInZone"
	ReasonNamespaceTaken       = "NamespaceTaken"
	ReasonProtectedNamespace   = "ProtectedNamespace"
	ReasonAddressInvalid       = "AddressInvalid"
	ReasonAddressOutsideZone   = "AddressOutsideZone"
	ReasonAddressTaken         = "AddressTaken"
	ReasonAddressInCluster     = "AddressInCluster"
	ReasonPrefixInvalid        = "PrefixInvalid"
	ReasonPrefixTaken          = "PrefixTaken"
	ReasonPrefixTakesDevice    = "PrefixTakesDevice"
	ReasonDeviceStranded       = "DeviceStranded"
	ReasonReservedLabel        = "ReservedLabel"
	ReasonSelectorInvalid      = "SelectorInvalid"
	ReasonDeviceSelectorOnPeer = "DeviceSelectorOnPeer"
	ReasonUnsegmentedConduit   = "UnsegmentedConduit"
	ReasonPodTaken             = "PodTaken"
	ReasonNameInitiator        = "NameInitiator"
	ReasonHTTPNotTCP           = "HTTPNotTCP"
	ReasonWindowInvalid        = "WindowInvalid"
	ReasonFieldNotAllowed      = "FieldNotAllowed"
	ReasonFieldRequired        = "FieldRequired"
	ReasonEnforcementWaits     = "EnforcementWaits"
)

// Reasons of warnings: cluster state, guesses, and limits of the target. Only
// the part that cannot be enforced is not rendered.
const (
	ReasonDangerousAccepted    = "DangerousAccepted"
	ReasonPlaintext            = "Plaintext"
	ReasonPlaintextAccepted    = "PlaintextAccepted"
	ReasonUnenforceable        = "Unenforceable"
	ReasonServicePort          = "ServicePort"
	ReasonHostNetworkPod       = "HostNetworkPod"
	ReasonSecondaryInterface   = "SecondaryInterface"
	ReasonSourceAddressLost    = "SourceAddressLost"
	ReasonSelectsNothing       = "SelectsNothing"
	ReasonNoLocation           = "NoLocation"
	ReasonHalvesApart          = "HalvesApart"
	ReasonDeadConduit          = "DeadConduit"
	ReasonUnregisteredPods     = "UnregisteredPods"
	ReasonPodShared            = "PodShared"
	ReasonPodReservedLabel     = "PodReservedLabel"
	ReasonNamespaceMissing     = "NamespaceMissing"
	ReasonNamespaceHeld        = "NamespaceHeld"
	ReasonPrefixInCluster      = "PrefixInCluster"
	ReasonClusterRangesUnknown = "ClusterRangesUnknown"
	ReasonCiliumConfigUnread   = "CiliumConfigUnread"
	ReasonDNSUnknown           = "DNSUnknown"
	ReasonForeignObject        = "ForeignObject"
	ReasonOrphaned             = "Orphaned"
	ReasonPolicyAltered        = "PolicyAltered"
	ReasonNoTrafficEvidence    = "NoTrafficEvidence"
	ReasonNarrowingWaits       = "NarrowingWaits"
	ReasonUnsegmentedPair      = "UnsegmentedPair"
	ReasonGuardCoarse          = "GuardCoarse"
	ReasonTooManyPolicies      = "TooManyPolicies"
)

// A Severity says what a problem does to the object it is about.
type Severity string

// The severities. Each reason has one, and only one.
const (
	// SeverityRefuse: the current spec is not used; the last accepted one is.
	SeverityRefuse Severity = "Refuse"
	// SeverityWarn: the current spec is used, all but what cannot be enforced.
	SeverityWarn Severity = "Warn"
)

// refusing holds every reason that refuses. Whatever is not in it warns.
var refusing = map[string]bool{
	ReasonUnknownZone:          true,
	ReasonZoneNotDevice:        true,
	ReasonUnknownService:       true,
	ReasonPortOverride:         true,
	ReasonServiceInvalid:       true,
	ReasonDangerousService:     true,
	ReasonEncryptionRequired:   true,
	ReasonNamespaceNotInZone:   true,
	ReasonNamespaceTaken:       true,
	ReasonProtectedNamespace:   true,
	ReasonAddressInvalid:       true,
	ReasonAddressOutsideZone:   true,
	ReasonAddressTaken:         true,
	ReasonAddressInCluster:     true,
	ReasonPrefixInvalid:        true,
	ReasonPrefixTaken:          true,
	ReasonPrefixTakesDevice:    true,
	ReasonDeviceStranded:       true,
	ReasonReservedLabel:        true,
	ReasonSelectorInvalid:      true,
	ReasonDeviceSelectorOnPeer: true,
	ReasonUnsegmentedConduit:   true,
	ReasonPodTaken:             true,
	ReasonNameInitiator:        true,
	ReasonHTTPNotTCP:           true,
	ReasonWindowInvalid:        true,
	ReasonFieldNotAllowed:      true,
	ReasonFieldRequired:        true,
	ReasonEnforcementWaits:     true,
}

// SeverityOf returns the severity of a problem's reason.
func SeverityOf(reason string) Severity {
	if refusing[reason] {
		return SeverityRefuse
	}
	return SeverityWarn
}

// Labels and annotations of the objects that Medfence writes.
const (
	// LabelManagedBy is the label by which others recognise our objects.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is its value.
	ManagedBy = "medfence"
	// LabelZone names the zone that an object serves.
	LabelZone = "medfence.io/zone"
	// LabelComponent is baseline, allow, group, guard or moat.
	LabelComponent = "medfence.io/component"
	// AnnotationZoneUID holds the UID of that zone: an object with our name
	// and this UID is ours.
	AnnotationZoneUID = "medfence.io/zone-uid"
	// AnnotationConduits names the conduits that an object serves.
	AnnotationConduits = "medfence.io/conduits"
	// AnnotationPermits says in words what an object permits.
	AnnotationPermits = "medfence.io/permits"
	// FinalizerZone keeps a zone until its namespaces may be opened.
	FinalizerZone = "medfence.io/zone"
)

package oracle

import (
	"log/slog"
	"sync"

	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
)

// clusterName is what a stock install calls its cluster.
const clusterName = defaults.ClusterName

// stock sets Cilium's process-wide options as a stock install of the agent
// does, on both address families. Cilium keeps them in package variables, so
// every judge of the process shares them.
var stock = sync.OnceValue(func() error {
	option.Config.EnableIPv4 = true
	option.Config.EnableIPv6 = true
	option.Config.ClusterName = clusterName
	option.Config.EnableL7Proxy = defaults.EnableL7Proxy
	option.Config.EnableICMPRules = defaults.EnableICMPRules
	option.Config.EnableExtendedIPProtocols = false
	option.Config.EnableNonDefaultDenyPolicies = defaults.EnableNonDefaultDenyPolicies
	option.Config.UnsafeDaemonConfigOption.AllowLocalhost = option.AllowLocalhostAlways
	policy.SetPolicyEnabled(option.DefaultEnforcement)
	api.InitEntities(clusterName)
	return labelsfilter.ParseLabelPrefixCfg(slog.New(slog.DiscardHandler), nil, nil, "")
})

package main

import (
	"slices"

	"residency/internal/config"
	"residency/internal/residency"
)

// adHoc makes a configuration for host names given on the command line: one
// policy of ours, in force now. With a configuration file as base, its
// resolvers, data, channels and client subnets are used.
func (e *env) adHoc(f checkFlags, hosts []string, base string) (*config.Config, error) {
	text, err := e.loader().Init(config.Answers{
		Organisation: "command line", Vendor: "ad hoc", Policy: true,
		Hosts: hosts, Markets: f.market, Regions: f.regions, Never: f.never,
		HostsAs: "HOST",
	})
	if err != nil {
		return nil, err
	}
	cfg, err := e.loader().Parse("command line", text)
	if err != nil || base == "" {
		return cfg, err
	}
	from, err := e.loader().Load(base)
	if err != nil {
		return nil, err
	}
	made := *cfg
	made.Organisation, made.Resolve, made.Geo, made.Alert = from.Organisation, from.Resolve, from.Geo, from.Alert
	made.Network, made.Positions = from.Network, from.Positions
	made.Files, made.SHA256 = from.Files, from.SHA256
	made.Markets = slices.Clone(cfg.Markets)
	for i, m := range made.Markets {
		k := slices.IndexFunc(from.Markets, func(o residency.Market) bool { return o.Code == m.Code })
		if k >= 0 {
			made.Markets[i] = from.Markets[k]
			if v, own := from.Vantage(m.Code); own {
				made.Vantages = append(made.Vantages, v)
			}
		}
	}
	return &made, nil
}

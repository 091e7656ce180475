# nsd.sh is read by check.sh and dns.sh: NSD serves bench.example on loopback,
# from $dir, which ends with the script. They set $names and $port before.

PATH=$PATH:/usr/sbin
dir=$(mktemp -d)
finish() {
	pid=$(cat "$dir/nsd.pid" 2>/dev/null) || pid=
	while [ -n "$pid" ] && kill "$pid" 2>/dev/null; do sleep 0.1; done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

# needs PACKAGES TOOLS... ends the script where a tool is missing.
needs() {
	packages=$1
	shift
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			echo "$tool is needed: apt-get install $packages" >&2
			exit 1
		}
	done
}

# serve IPV4 IPV6 starts NSD with a zone of $names names, one A and one AAAA
# record each, in the networks IPV4.0.0/16 and IPV6::/32.
serve() {
	awk -v n="$names" -v v4="$1" -v v6="$2" 'BEGIN {
		print "$ORIGIN bench.example.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1"
		for (i = 0; i < n; i++) {
			printf "n%d A %s.%d.%d\nn%d AAAA %s::%x:%x\n", i, v4, (i / 256) % 256, i % 256, i, v6, i / 65536, i % 65536
		}
	}' >"$dir/zone"
	cat >"$dir/nsd.conf" <<CONF
server:
  server-count: 1
  ip-address: 127.0.0.1@$port
  do-ip6: no
  username: ""
  chroot: ""
  zonesdir: "$dir"
  zonelistfile: "$dir/zone.list"
  database: ""
  pidfile: "$dir/nsd.pid"
  xfrdfile: "$dir/xfrd.state"
  xfrdir: "$dir"
  logfile: "$dir/nsd.log"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: bench.example
  zonefile: zone
CONF
	nsd -c "$dir/nsd.conf"
}

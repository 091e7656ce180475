#!/bin/sh
# dns.sh compares `residency resolve` with other tools that look names up, at a
# real authoritative server on loopback, in one run. See README.md.
set -eu

usage() {
	echo "usage: bench/dns.sh [NAMES [ROUNDS]]" >&2
	echo "       bench/dns.sh growth [ROUNDS]" >&2
	exit 2
}
growth=no
if [ "${1:-}" = growth ]; then
	growth=yes
	shift
	set -- 1000000 "${1:-3}"
fi
names=${1:-100000} rounds=${2:-5} port=${PORT:-5399}
case $names$rounds in *[!0-9]* | 0*) usage ;; esac
here=$(cd "$(dirname "$0")" && pwd)
. "$here/nsd.sh"
needs "nsd dnsperf bind9-dnsutils time" nsd dnsperf dig /usr/bin/time

cd "$here/.."
go build -o "$dir/residency" ./cmd/residency
serve 198.51 2001:db8

# prepare N writes what the tools read.
prepare() {
	awk -v n="$1" -v dir="$dir" 'BEGIN {
		for (i = 0; i < n; i++) {
			print "n" i ".bench.example" >(dir "/names")
			print "n" i ".bench.example A\nn" i ".bench.example AAAA" >(dir "/queries")
		}
	}'
}
echo "127.0.0.1:$port" >"$dir/resolvers"

cd "$dir"

# measure NAME COUNT COMMAND... appends "name seconds cpu-seconds KiB lost" to
# rows; COUNT is the number of questions, and `lost` what the command's output
# says of requests without response. What gave no answer is no result.
measure() {
	what=$1 count=$2
	shift 2
	begin=$(date +%s%N)
	/usr/bin/time -o time -f 'wall %U %S %M' "$@" <names >out 2>said || {
		echo "$what: $(tail -n 1 said)" >&2
		return 0
	}
	seconds=$(awk -v t=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.4f", t / 1e9 }')
	lost=-
	case $what in
	dnsperf*)
		lost=$(awk '/Queries lost/ { print $3 }' out)
		got=$(awk '/NOERROR/ { for (i = 1; i < NF; i++) if ($i == "NOERROR") print $(i + 1) }' out)
		# Its own count of seconds leaves out that it reads its file first.
		seconds=$(awk '/Run time/ { print $NF }' out)
		;;
	residency*)
		lost=$(sed -n 's/.* requests\{0,1\}, \([0-9]*\) without response.*/\1/p' said)
		got=$(sed -n 's/.*looks\{0,1\}: \([0-9]*\) answered.*/\1/p' said)
		;;
	*) got=$count ;;
	esac
	[ "$got" = "$count" ] || echo "$what: $got of $count answered" >&2
	awk -v what="$what" -v lost="$lost" -v n="$count" -v wall="$seconds" \
		'{ printf "%s\t%d\t%s\t%.3f\t%d\t%s\n", what, n, wall, $2 + $3, $4, lost }' time >>rows
}

have() {
	command -v "$1" >/dev/null && return 0
	echo "$1: not on PATH, left out" >>absent
	return 1
}

# round N asks everything once with each tool. Those that ask for one type a
# run are run twice.
round() {
	n=$((2 * $1))
	measure "dnsperf -c 8 -T 1 -q 400 (writes nothing)" "$n" dnsperf -s 127.0.0.1 -p "$port" -d queries -n 1 -c 8 -T 1 -q 400
	set -- ./residency resolve - --server "127.0.0.1:$port" --subnet 203.0.113.0/24 --in-flight 128 --timeout 10m
	measure "residency, JSON, client subnet" "$n" "$@"
	measure "residency, the same, GOMAXPROCS=2" "$n" env GOMAXPROCS=2 "$@"
	if have massdns; then
		measure "massdns -s 100, JSON" "$n" sh -c 'for t in A AAAA; do
			massdns --root -q -s 100 -r resolvers -t $t -o J names || exit 1; done'
	fi
	if have dnsx; then
		measure "dnsx -t 100, JSON" "$n" sh -c 'dnsx -silent -json -a -aaaa -t 100 -r resolvers -l names </dev/null'
	fi
	if have zdns; then
		measure "zdns -threads 100, JSON" "$n" sh -c "for t in A AAAA; do
			zdns \$t --threads 100 --name-servers 127.0.0.1:$port --input-file names || exit 1; done"
	fi
}

# table FILE prints medians; the rate is against dnsperf in the same round.
table() {
	awk -F '\t' '
	function median(list, v, n, i, j, t) {
		n = split(list, v, " ")
		for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
		least = v[1]; most = v[n]
		return v[int((n + 1) / 2)]
	}
	{
		if (!($1 in wall)) order[++tools] = $1
		if ($1 ~ /^dnsperf/) base = $3
		wall[$1] = wall[$1] " " $3
		rate[$1] = rate[$1] " " base / ($3 > 0 ? $3 : 0.001)
		cpu[$1] = cpu[$1] " " $4 / $2 * 1e6
		mib[$1] = mib[$1] " " $5 / 1024
		if ($6 != "-") lost[$1] += $6; else lost[$1] = "-"
	}
	END {
		printf "%8s %7s  %-13s %9s %6s %5s\n", "wall s", "rate", "(rounds)", "CPU s/Mq", "MiB", "lost"
		for (i = 1; i <= tools; i++) {
			name = order[i]; r = median(rate[name]); span = sprintf("(%.2f-%.2f)", least, most)
			printf "%8.3f %6.2fx  %-13s %9.2f %6.0f %5s  %s\n", median(wall[name]), r, span, median(cpu[name]), median(mib[name]), lost[name], name
		}
	}' "$1"
}

# wait for the server: it reads the zone first
tries=0
until dig +time=1 +tries=1 +short @127.0.0.1 -p "$port" n0.bench.example A 2>/dev/null | grep -q 198.51; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || {
		echo "nsd does not answer: $(tail -n 1 nsd.log)" >&2
		exit 1
	}
	sleep 0.2
done

sizes=$names
[ "$growth" = no ] || sizes="1 10000 100000 $names"
for size in $sizes; do
	prepare "$size"
	: >rows
	: >absent
	r=0
	while [ "$r" -lt "$rounds" ]; do
		round "$size"
		r=$((r + 1))
	done
	echo "$size names x (A, AAAA), start of each process included, median of $rounds rounds"
	table rows
	sort -u absent
done

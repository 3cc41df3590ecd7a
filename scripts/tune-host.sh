#!/usr/bin/env bash
# Tunes a Linux host for shardcast, in the order of `shardcast doctor`. By default it only prints the changes. With
# --apply it also makes them, and prints the previous values.
#
# It is deliberately not a profile for every host: it changes only what doctor checks. Limits of a service belong
# in its unit, and are only printed.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tune-host.sh [--apply] [--persist] [--shard-cpus LIST] [--interface NAME] [--connections N]

  --apply            change the host (as root); without it, only print the changes
  --persist          also write /etc/sysctl.d/60-shardcast.conf, so that the sysctls remain after a reboot
  --shard-cpus LIST  CPUs of the shards, as in 2-7: interrupts go to the others [default: all are spread]
  --interface NAME   network card whose interrupts are moved [default: all]
  --connections N    connections to serve, for the limits that are printed [default: 65536]
TEXT
}

apply=false persist=false shard_cpus='' interface='' connections=65536
# Tests use a tree of files in place of the host.
root=${TUNE_ROOT:-}

fail() {
    echo "tune-host: $1" >&2
    exit 2
}

while (($# > 0)); do
    case $1 in
    --apply) apply=true ;;
    --persist) persist=true ;;
    --shard-cpus | --interface | --connections)
        (($# > 1)) || fail "$1 takes a value"
        case $1 in
        --shard-cpus) shard_cpus=$2 ;;
        --interface) interface=$2 ;;
        --connections) connections=$2 ;;
        esac
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        fail "unknown option $1"
        ;;
    esac
    shift
done
[[ $connections =~ ^[0-9]{1,9}$ ]] || fail "--connections takes a number, not $connections"
[[ -z $shard_cpus || $shard_cpus =~ ^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$ ]] || fail "--shard-cpus takes a list such as 0-3,6"
[[ -z $interface || $interface =~ ^[A-Za-z0-9_.-]+$ && $interface != .* ]] || fail "--interface takes a name such as eth0"
if $apply && [[ -z $root && $(id -u) -ne 0 ]]; then
    fail "--apply needs root"
fi

failures=0

# Writes a value to a file of the kernel, or prints what it would write.
put() {
    local file=$root$1 value=$2 before
    if [[ ! -r $file ]]; then
        echo "skip    $1: not here"
        return
    fi
    before=$(tr -s '\t ' ' ' <"$file")
    if [[ $before == *\[*\]* ]]; then
        before=${before#*\[}
        before=${before%%\]*}
    fi
    if [[ $before == "$value" ]]; then
        echo "ok      $1 = $value"
    elif ! $apply; then
        echo "would   echo '$value' > $1    # now $before"
    elif { echo "$value" >"$file"; } 2>/dev/null; then
        echo "done    echo '$value' > $1    # was $before"
    else
        echo "FAILED  echo '$value' > $1    # is $before"
        failures=$((failures + 1))
    fi
}

sysctl_lines=''

# Raises a sysctl to at least this value.
at_least() {
    local path=/proc/sys/${1//.//} now
    now=$(cat "$root$path" 2>/dev/null || echo 0)
    if [[ $now =~ ^[0-9]+$ ]] && ((now >= $2)); then
        echo "ok      $path = $now"
    else
        put "$path" "$2"
        sysctl_lines+="$1 = $2"$'\n'
    fi
}

# The CPUs of a list such as 0-3,6, one per line.
expand() {
    local part
    for part in ${1//,/ }; do
        seq "${part%-*}" "${part#*-}"
    done
}

echo "# sysctls"
at_least net.core.somaxconn 4096
at_least net.ipv4.tcp_max_syn_backlog 4096
if [[ -r $root/proc/sys/kernel/io_uring_disabled ]]; then
    put /proc/sys/kernel/io_uring_disabled 0
    sysctl_lines+="kernel.io_uring_disabled = 0"$'\n'
fi
conf=/etc/sysctl.d/60-shardcast.conf
if $persist && [[ -n $sysctl_lines ]]; then
    if $apply; then
        printf '# Written by tune-host.sh\n%s' "$sysctl_lines" >"$root$conf"
        echo "done    wrote $conf"
    else
        echo "would   write $conf:"
        printf '%s' "$sysctl_lines" | sed 's/^/            /'
    fi
fi

echo "# governor"
governors=("$root"/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor)
if [[ -e ${governors[0]} ]]; then
    for file in "${governors[@]}"; do
        put "${file#"$root"}" performance
    done
else
    echo "skip    no cpufreq here, as on most virtual machines"
fi

echo "# huge pages"
put /sys/kernel/mm/transparent_hugepage/enabled madvise

echo "# interrupts of network cards"
online=$(cat "$root/sys/devices/system/cpu/online" 2>/dev/null || echo 0)
mapfile -t cpus < <(
    if [[ -n $shard_cpus ]]; then
        # If shards use all CPUs, no other CPU is left.
        comm -23 <(expand "$online" | sort) <(expand "$shard_cpus" | sort) | sort -n
    fi
)
if ((${#cpus[@]} == 0)); then
    mapfile -t cpus < <(expand "$online")
fi
moved=0
for card in "$root"/sys/class/net/${interface:-*}; do
    for folder in "$card/device/msi_irqs" "$card/device/../msi_irqs"; do
        [[ -d $folder ]] || continue
        for irq in "$folder"/*; do
            number=${irq##*/}
            grep -q "^ *$number:" "$root/proc/interrupts" 2>/dev/null || continue
            put "/proc/irq/$number/smp_affinity_list" "${cpus[moved % ${#cpus[@]}]}"
            moved=$((moved + 1))
        done
        break
    done
done
((moved > 0)) || echo "skip    no network card with interrupts of its own"
if ((moved > 0)) && [[ -z $root ]] && pgrep -x irqbalance >/dev/null 2>&1; then
    echo "note    irqbalance runs, and will move them again: stop it, or ban them there"
fi

files=$((connections + 256))
memlock=$(nproc)
((memlock < 8)) && memlock=8
cat <<TEXT
# limits: for the unit of the service; nothing is written here
show    [Service]
show    LimitNOFILE=$files
show    # 1M for each shard is more than it needs; see shardcast doctor
show    LimitMEMLOCK=${memlock}M
TEXT

if ! $apply; then
    echo "nothing was changed; --apply does it"
fi
if ((failures > 0)); then
    echo "tune-host: $failures changes failed" >&2
    exit 1
fi

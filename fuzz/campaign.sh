#!/usr/bin/env bash
# Runs every fuzz target for a while, again and again, and adds up what was done.
#
#   fuzz/campaign.sh [-s SECONDS] [-j JOBS] [-r ROUNDS] [-d FOLDER] [TARGET...]   run; all targets unless named
#   fuzz/campaign.sh -p [-d FOLDER]                                              print what the runs add up to
#
# SECONDS for each target and round (60), JOBS targets at a time (1), ROUNDS (1; 0: until stopped). FOLDER
# (target/fuzz/campaign) gets the inputs found (found/TARGET, kept from run to run), crashes (artifacts/TARGET), the last
# log of each target (log/TARGET) and a line for each run (results.tsv). Nothing is written to the committed corpora.
# A crash ends the run of its target, not the campaign. BUILD=0 takes the binaries that are there.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

seconds=60 jobs=1 rounds=1 print=0 folder=target/fuzz/campaign
while getopts s:j:r:d:p option; do
    case $option in
    s) seconds=$OPTARG ;;
    j) jobs=$OPTARG ;;
    r) rounds=$OPTARG ;;
    d) folder=$OPTARG ;;
    p) print=1 ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
mkdir -p "$folder"
folder=$(realpath "$folder")
results=$folder/results.tsv

# The table of fuzz/RESULTS.md.
summary() {
    awk -F '\t' '
        NR == 1 { next }
        { s[$3] += $5; e[$3] += $6; c[$3] += $11 == "ok" ? 0 : 1; inputs[$3] = $9
          if ($7 > edges[$3]) edges[$3] = $7
          if ($8 > features[$3]) features[$3] = $8 }
        END {
            print "| target | CPU minutes | executions | edges | features | inputs | runs that found a fault |"
            print "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
            n = asorti_portable(s, names)
            for (i = 1; i <= n; i++) {
                t = names[i]
                printf "| `%s` | %.1f | %d | %d | %d | %d | %d |\n", t, s[t] / 60, e[t], edges[t], features[t], inputs[t], c[t]
                all_s += s[t]; all_e += e[t]; all_c += c[t]
            }
            printf "| all | %.1f | %d | | | | %d |\n", all_s / 60, all_e, all_c
            printf "\n%.2f CPU hours\n", all_s / 3600
        }
        function asorti_portable(from, to,    name, n, i, j, held) {
            n = 0
            for (name in from) to[++n] = name
            for (i = 2; i <= n; i++) {
                held = to[i]
                for (j = i - 1; j > 0 && to[j] > held; j--) to[j + 1] = to[j]
                to[j + 1] = held
            }
            return n
        }' "$results"
}

if [ "$print" = 1 ]; then
    summary
    exit
fi

export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/fuzz}
export PATH="$PWD/target/tools/bin:$PATH"
mkdir -p "$folder/bin" "$folder/log"
if [ "${BUILD:-1}" = 1 ]; then
    cargo fuzz build --sanitizer none || exit 1
    # Copies, so that a build beside the campaign changes nothing in it.
    for target in $(cargo fuzz list); do
        cp "$CARGO_TARGET_DIR"/*/release/"$target" "$folder/bin/.$target" && mv "$folder/bin/.$target" "$folder/bin/$target"
    done
fi
[ $# -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
[ $# -eq 0 ] || targets=("$@")
[ -s "$results" ] || printf 'date\tcommit\ttarget\tseconds\tcpu\texecutions\tedges\tfeatures\tinputs\tpeak_mb\tresult\n' >"$results"

run_one() {
    local target=$1 begun cpu status dictionary log=$folder/log/$1 corpus=fuzz/corpus/$1
    local -a options=(-max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="$folder/artifacts/$target/")
    # A dictionary names its targets in its first line.
    dictionary=$(grep -lE "^# targets:.* $target( |\$)" fuzz/dictionaries/*.dict) && options+=(-dict="$dictionary")
    [ -x "$folder/bin/$target" ] || { echo "no binary of $target" >&2; return; }
    mkdir -p "$folder/found/$target" "$folder/artifacts/$target"
    [ -d "$corpus" ] || corpus=
    begun=$(cut -d ' ' -f 1 /proc/uptime)
    # Seconds of the processor, in the program and for it: on a busy machine fewer than those of the clock.
    cpu=$({ TIMEFORMAT='%U %S' && time "$folder/bin/$target" "${options[@]}" "$folder/found/$target" $corpus \
        >"$log" 2>&1 </dev/null; } 2>&1)
    status=$?
    awk -v date="$(date -u +%FT%TZ)" -v commit="$(git rev-parse --short HEAD 2>/dev/null)" -v target="$target" \
        -v begun="$begun" -v ended="$(cut -d ' ' -f 1 /proc/uptime)" -v cpu="$cpu" \
        -v inputs="$(find "$folder/found/$target" -type f | wc -l)" -v result="$([ $status = 0 ] && echo ok || echo "$status")" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1) } }
        /^stat::number_of_executed_units:/ { executions = $2 }
        /^stat::peak_rss_mb:/ { peak = $2 }
        END { split(cpu, used, " "); printf "%s\t%s\t%s\t%.0f\t%.1f\t%d\t%d\t%d\t%d\t%d\t%s\n",
            date, commit, target, ended - begun, used[1] + used[2], executions, edges, features, inputs, peak, result }' "$log" >>"$results"
    tail -n 1 "$results"
}

round=0
while [ "$rounds" = 0 ] || [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    for target in "${targets[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
        run_one "$target" &
    done
    wait
done
summary

#!/usr/bin/env bash
# The main job on a simulated rack: blueprint -> plan -> apply -> empty plan -> drift -> repair -> evidence; then again with
# every fault the simulator knows. Needs only Go, git and make. Speed is simulated minutes per minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
speed=${SPEED:-300}
work=$(mktemp -d)
mw="$work/metalwright"
sim=
cleanup() {
  if [ -n "$sim" ]; then kill "$sim" 2>/dev/null || true; wait "$sim" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ metalwright %s\n' "$*"; "$mw" "$@"; }
expect() { # CODE COMMAND...: the command must end with that code
  local want=$1 got=0
  shift
  run "$@" || got=$?
  if [ "$got" != "$want" ]; then echo "demo: metalwright $* ended with $got, want $want" >&2; exit 1; fi
}
start_sim() { # DIR ARGS...
  local dir=$1
  shift
  printf '$ metalwright sim up %s --speed %s %s &\n' "$dir" "$speed" "$*"
  "$mw" sim up "$dir" --speed "$speed" "$@" >"$work/sim.log" 2>&1 &
  sim=$!
  for _ in $(seq 200); do
    if grep -q 'bindings in' "$work/sim.log"; then break; fi
    if ! kill -0 "$sim" 2>/dev/null; then cat "$work/sim.log" >&2; exit 1; fi
    sleep 0.1
  done
  cat "$work/sim.log"
}
stop_sim() { kill "$sim"; wait "$sim" 2>/dev/null || true; sim=; }

title "build"
go build -o "$mw" ./cli/metalwright

round() { # NAME SIM-ARGS...
  local dir="$work/$1"
  shift
  title "a blueprint from the catalog ($(basename "$dir"))"
  run init --from lab-1rack "$dir"
  run validate "$dir"
  title "a simulated rack"
  start_sim "$dir" "$@"
  title "what will happen"
  expect 2 plan "$dir" --detailed-exitcode
  title "bring it up"
  run apply "$dir" --auto-approve
  title "a second plan is empty"
  expect 0 plan "$dir" --detailed-exitcode
  title "somebody changes a setting behind its back"
  run sim poke "$dir" dell --bios SriovGlobalEnable=Disabled
  expect 2 verify "$dir"
  title "repair"
  run apply "$dir" --auto-approve
  run verify "$dir"
  title "evidence"
  run journal verify "$dir"
  run evidence collect "$dir" -o "$dir/evidence.json"
  run evidence verify "$dir/evidence.json" --key "$dir/.metalwright/keys/evidence.pub"
  run sim ledger "$dir"
  stop_sim
}
round quiet
round faults --faults all --seed 7
title "demo done"

# What the examples of Terraform share; sourced by their programs. It builds the command line and the provider, puts main.tf into a
# folder of its own, and starts the simulated rack of a blueprint of the catalog in the folder rack there.
#
#   SPEED=300                      simulated minutes per minute
#   TF_ACC_TERRAFORM_PATH=ENGINE   which engine; else terraform or tofu on PATH
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
speed=${SPEED:-300}
engine=${TF_ACC_TERRAFORM_PATH:-$(command -v terraform || command -v tofu || true)}
if [ -z "$engine" ]; then
  echo "neither terraform nor tofu is there: looked for TF_ACC_TERRAFORM_PATH, then on PATH" >&2
  exit 1
fi
work=$(mktemp -d)
sim=
cleanup() {
  if [ -n "$sim" ]; then kill "$sim" 2>/dev/null || true; wait "$sim" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
title() { printf '\n== %s\n' "$*"; }
tf() { # CODE ARGS...: the engine must end with that code
  local want=$1 got=0
  shift
  printf '$ terraform %s\n' "$*"
  "$engine" "$@" -no-color || got=$?
  if [ "$got" != "$want" ]; then echo "run: $1 ended with $got, want $want" >&2; exit 1; fi
}

title "build the command line and the provider"
go build -o "$work/bin/" ./cli/metalwright ./provider/terraform-provider-metalwright
mw="$work/bin/metalwright"
# The provider that was just built; there is nothing to install, so no init.
cat >"$work/cli.tfrc" <<EOF
provider_installation {
  dev_overrides {
    "metalwright/metalwright" = "$work/bin"
  }
  direct {}
}
EOF
export TF_CLI_CONFIG_FILE="$work/cli.tfrc" CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1

title "a blueprint from the catalog, and its rack"
cp "$here/main.tf" "$work/"
cd "$work"
"$mw" init --from lab-1rack rack
"$mw" sim up rack --speed "$speed" >sim.log 2>&1 &
sim=$!
for _ in $(seq 200); do
  if grep -q 'bindings in' sim.log; then break; fi
  if ! kill -0 "$sim" 2>/dev/null; then cat sim.log >&2; exit 1; fi
  sleep 0.1
done
cat sim.log

writes() { "$mw" sim ledger rack | awk 'NR > 1 { print $1, $3 }'; } # of each node: what was sent that changes something

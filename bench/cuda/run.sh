#!/usr/bin/env bash
# Builds, verifies, sanitizes and times attnc's CUDA kernels on a machine with an NVIDIA GPU: see README.md.
set -u -o pipefail

usage() {
  cat <<'END'
usage: bench/cuda/run.sh [STEP...] [--quick] [--out DIR] [--budget-s SECONDS] [--only NAME]... [--seed N] [--dry-run]

steps, each of them within ten minutes:
  verify     every operator and family of kernels against float64
  sanitize   compute-sanitizer on small cases: memcheck, racecheck
  time       the chip's limits; dense, sparse and growing masks
  flex       beside FlexAttention
  autotune   beside FlexAttention with max-autotune
  report     the tables of all that was done, in one Markdown and one JSON file
Without a step: verify, sanitize, time and flex share the budget of seconds (540). A report follows every step.

  --quick     few cases and lengths: does everything run?
  --dry-run   print the plan: needs Python alone, no PyTorch and no GPU
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
built=${ATTNC_CUDA_BUILT:-$here/built}
out=$built/results
python=${PYTHON:-python3}
budget=540
dry=0
quick=0
steps=()
pass=()

fail() {
  echo "run.sh: $1" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    verify | sanitize | time | flex | autotune | report) steps+=("$1") ;;
    --quick)
      quick=1
      pass+=(--quick)
      ;;
    --dry-run) dry=1 ;;
    --out | --budget-s | --only | --seed)
      [ $# -ge 2 ] || fail "$1 needs a value"
      case $1 in
        --out) out=$2 ;;
        --budget-s) budget=$2 ;;
        *) pass+=("$1" "$2") ;;
      esac
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      fail "unknown argument: $1"
      ;;
  esac
  shift
done
case $budget in
  '' | *[!0-9]*) fail "--budget-s needs a whole number of seconds, found $budget" ;;
esac
all=0
if [ ${#steps[@]} -eq 0 ]; then
  steps=(verify sanitize time flex)
  all=1
fi

command -v "$python" >/dev/null 2>&1 || fail "$python is missing: install Python 3.9 or later, or let PYTHON name it"
[ -f "$built/manifest.json" ] || fail "$built/manifest.json is missing: run \`npm run bench:cuda:prepare\` where Node.js is, and carry the folder along"

if [ "$dry" = 1 ]; then
  for step in "${steps[@]}"; do
    case $step in
      verify) "$python" "$here/verify.py" --built "$built" --dry-run ${pass[@]+"${pass[@]}"} || exit $? ;;
      sanitize) "$python" "$here/verify.py" --built "$built" --dry-run --sanitize ${pass[@]+"${pass[@]}"} || exit $? ;;
      time) "$python" "$here/timing.py" limits dense sparse growth --built "$built" --dry-run ${pass[@]+"${pass[@]}"} || exit $? ;;
      flex | autotune) "$python" "$here/timing.py" "$step" --built "$built" --dry-run ${pass[@]+"${pass[@]}"} || exit $? ;;
      report) ;;
    esac
  done
  exit 0
fi

mkdir -p "$out" || fail "$out cannot be made"
if [ "${steps[*]}" != report ]; then
  # The generated operators find nvcc in the same places.
  if [ -z "${ATTNC_NVCC:-}" ] && [ ! -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ] && ! command -v nvcc >/dev/null 2>&1; then
    fail "nvcc is missing: install the CUDA toolkit, or let CUDA_HOME or ATTNC_NVCC name it"
  fi
  "$python" -c 'import torch, numpy' 2>/dev/null || fail "$python has no PyTorch or no NumPy: let PYTHON name a Python that has them"
  "$python" -c 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)' || fail "PyTorch finds no CUDA device; --dry-run prints the plan without one"
fi
# Compiled libraries and FlexAttention's kernels stay beside what was prepared: a second run finds them.
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$built/cache}
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$built/cache/inductor}
export TRITON_CACHE_DIR=${TRITON_CACHE_DIR:-$built/cache/triton}
export PYTHONUNBUFFERED=1
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$XDG_CACHE_HOME"

started=$SECONDS
status=0

# Seconds left of the budget, of which a step may take a share in percent when all steps run.
share() {
  local left=$((budget - (SECONDS - started)))
  [ "$all" = 1 ] && left=$((left * $1 / 100))
  [ "$left" -gt 0 ] || left=0
  echo "$left"
}

# Of several failures the first counts.
note() {
  [ "$2" -eq 0 ] && return
  echo "run.sh: $1 ended with $2" >&2
  [ "$status" -ne 0 ] || status=$2
}

# Runs a script; its own budget ends it, and half a minute later a signal does, should it hang. Where a kernel hung or broke
# the device (exit code 4), a new process goes on behind it.
script() {
  local end=$((SECONDS + $1)) left code resume=()
  shift
  while true; do
    left=$((end - SECONDS))
    if [ "$left" -lt 10 ]; then
      note "$1 ${2:-}, for which no time was left," 3
      return
    fi
    timeout -k 10 $((left + 30)) "$python" "$here/$1" "${@:2}" --built "$built" --out "$out" --budget-s "$left" \
      ${resume[@]+"${resume[@]}"} ${pass[@]+"${pass[@]}"}
    code=$?
    note "$1" "$code"
    [ "$code" -eq 4 ] || return
    resume=(--resume)
  done
}

sanitize() {
  local seconds=$1 tool sanitizer code
  sanitizer=$(command -v compute-sanitizer || echo "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer")
  if [ ! -x "$sanitizer" ]; then
    echo "run.sh: compute-sanitizer is missing; that step is left out" >&2
    return
  fi
  for tool in memcheck racecheck; do
    # Kernels of attnc alone: PyTorch's are many, and not under test.
    timeout -k 10 $((seconds / 2 + 15)) "$sanitizer" --tool "$tool" --kernel-name kns=attnc_ --report-api-errors no --error-exitcode 1 --print-limit 5 \
      "$python" "$here/verify.py" --sanitize --built "$built" --out "$out" --budget-s $((seconds / 2)) ${pass[@]+"${pass[@]}"} >"$out/sanitize-$tool.log" 2>&1
    code=$?
    tail -n 3 "$out/sanitize-$tool.log"
    note "compute-sanitizer $tool ($out/sanitize-$tool.log)" "$code"
  done
}

for step in "${steps[@]}"; do
  case $step in
    verify) script "$(share 35)" verify.py ;;
    sanitize) sanitize "$(share 25)" ;;
    time)
      # A part that hangs is not to take the others along.
      script "$(share 50)" timing.py limits dense
      script "$(share 60)" timing.py sparse
      script "$(share 60)" timing.py growth
      ;;
    flex) script "$(share 100)" timing.py flex ;;
    autotune) script "$(share 100)" timing.py autotune ;;
    report) ;;
  esac
done
PYTHONDONTWRITEBYTECODE=1 "$python" "$here/report.py" --out "$out" || { [ "$status" -ne 0 ] || status=1; }
[ "$quick" = 1 ] && echo "quick: these times mean little"
exit "$status"

#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# gpu.sh [--build DIR] [--json FILE] [--quick]: everything that is to be known of a GPU, in one go:
#   are the kernels right there, what can the device do, how fast is the image encoder on it, and
#   how fast is PyTorch, where python3 has it with CUDA. Ends with a table and its limits.
#
# Runs on the best device, or on the one that GST_CLIP_DEVICE names. Without --build it builds in
# build/; with it, DIR is taken as it is: a build from elsewhere will do, and meson is not needed.
# --quick: tiny sizes, a few of the kernels, no verdict: only shows that all of this works.
# Exit status: 1 when a kernel is wrong, something fails or, on a GPU, a limit is missed; 77 without
# a device.
set -eu
cd "$(dirname "$0")/../.."

build='' json='' quick=''
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --json) json=$2; shift 2 ;;
    --quick) quick=--quick; shift ;;
    *) sed -n 's/^# \{0,1\}//; 3,12p' "$0" >&2; exit 2 ;;
  esac
done

# title WORD...
title () { printf '\n== %s\n' "$*"; }

if [ -z "$build" ]; then
  build=build
  title build
  [ -f build/build.ninja ] || meson setup build -Dtests=enabled
  meson compile -C build
fi
bench=$build/tests/bench

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -n "$json" ] || json=$work/results.json
first=1 # line of $json that is this run's
[ ! -f "$json" ] || first=$(($(wc -l <"$json") + 1))
failed=0

# check ARGUMENT...: leaves with 77 where there is no device.
check () {
  status=0
  "$build"/tests/kernels/checkkernels "$@" >"$work/check" 2>&1 || status=$?
  grep -E '^(#|not ok)' "$work/check" || cat "$work/check"
  [ "$status" != 77 ] || exit 77
  [ "$status" = 0 ] || failed=1
}

title 'kernels against the reference (checkkernels)'
if [ -n "$quick" ]; then
  check --kernel layernorm
  check --kernel gemm --case '1x*' --variant 'best*'
else
  check
fi
[ "$failed" = 0 ] || printf 'WRONG: the times below mean nothing until this is right\n'

title 'what the device can do'
"$bench"/bench-ceiling --shaders $quick --json "$json" || failed=1

title 'the image encoder, and its kernels'
if [ -n "$quick" ]; then
  "$bench"/bench-encoder -m tiny -b 1,2 -p fp32,fp16 -n 1 --quick --json "$json" || failed=1
  "$bench"/bench-kernels --gemm 64,64,64 -p fp16 -n 1 --quick --json "$json" || failed=1
else
  "$bench"/bench-encoder -m vit-b-32,vit-b-16,vit-l-14 -b 1,2,4,8,16,32 -p fp32,fp16 -s 10 \
    --json "$json" || failed=1
  "$bench"/bench-kernels -m vit-b-32,vit-l-14 -b 1,32 -p fp16 -f best -s 2 --json "$json" \
    || failed=1
fi

title PyTorch
status=0
python3 tests/bench/torch_clip.py $quick --json "$json" || status=$?
case $status in 0 | 77) ;; *) failed=1 ;; esac

title 'all of it'
tail -n "+$first" "$json" >"$work/run.json"
python3 tests/bench/gpu_table.py $quick "$work/run.json" || failed=1
exit "$failed"

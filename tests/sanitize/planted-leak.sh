#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# planted-leak.sh PROGRAM: a leak of ours is reported, alone, and without it all is clean.
set -u
program=$1

if ! clean=$("$program" 2>&1); then
  printf '%s\n' "$clean"
  echo "leaks where there should be none"
  exit 1
fi
if report=$("$program" leak 2>&1); then
  printf '%s\n' "$report"
  echo "the planted leak was not noticed"
  exit 1
fi
printf '%s\n' "$report" | grep -q 'SUMMARY: AddressSanitizer: 4242 byte(s) leaked in 1 allocation(s)' \
  && printf '%s\n' "$report" | grep -q 'planted_leak\.c' && exit 0
printf '%s\n' "$report"
echo "that is not the report of the planted leak alone"
exit 1

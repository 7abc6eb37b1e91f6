#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# planted-race.sh PROGRAM: a race of ours is reported, and what locks order is not.
set -u
program=$1

for mode in mutex rec rw object cond once count array; do
  if ! report=$("$program" "$mode" 2>&1); then
    printf '%s\n' "$report"
    echo "a race with $mode, where there is none"
    exit 1
  fi
done
if report=$("$program" race 2>&1); then
  printf '%s\n' "$report"
  echo "the planted race was not noticed"
  exit 1
fi
printf '%s\n' "$report" | grep -q 'WARNING: ThreadSanitizer: data race' \
  && printf '%s\n' "$report" | grep -q 'planted_race\.c' && exit 0
printf '%s\n' "$report"
echo "that is not the report of the planted race"
exit 1

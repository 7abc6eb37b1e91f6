#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program gst-clip-inspect: arguments, exit status, --check.

    inspect_model.py PROGRAM FETCH
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

program = fetch = ''


class Inspect(unittest.TestCase):
    def run_it(self, *args, status=0, env=None):
        done = subprocess.run([program, *args], text=True, capture_output=True, timeout=300,
                              env={**os.environ, **(env or {})})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_embedded(self):
        output = self.run_it()
        for word in ('(built-in model)', 'CLIP (ResNet)', 'BPE on bytes', 'F16', 'million', 'GFLOP',
                     'preprocessing'):
            self.assertIn(word, output)
        self.assertNotIn('problem', output)

    def test_check(self):
        output = self.run_it('--check', '--precision', 'fp32')
        for word in ('device ', 'ms a frame', 'on the device'):
            self.assertIn(word, output)

    def test_no_device(self):
        output = self.run_it('--check', '--device', 'no such device', status=1)
        self.assertIn('no such device', output)

    def test_names(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(folder + '/gst-clip/models/mine')
            output = self.run_it('mine', status=1, env={'XDG_DATA_HOME': folder})
            self.assertIn(folder + '/gst-clip/models/mine\n', output)
            self.assertIn('problems ', output)
            self.assertIn('config.json', output)
        self.assertIn('there is no model "mine"', self.run_it('mine', status=1))

    def test_fetched_names(self):
        """Of a model that gst-clip-fetch has by this name, the error says so."""
        listed = subprocess.run([fetch, '--list'], text=True, capture_output=True, check=True).stdout
        names = [line.split()[0] for line in listed.splitlines()]
        self.assertIn('vit-b-32', names)
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                output = self.run_it(name, status=1, env={'XDG_DATA_HOME': folder, 'XDG_DATA_DIRS': folder})
                self.assertIn(f'; gst-clip-fetch {name} downloads it', output)

    def test_wrong_use(self):
        self.run_it('a', 'b', status=2)
        self.run_it('--wrong', status=2)
        self.run_it('--check', '--precision', 'fp64', status=2)
        self.assertIn("Try 'gst-clip-inspect --help'", self.run_it('a', 'b', status=2))
        self.assertIn('--check', self.run_it('--help'))

    def test_version(self):
        with open(os.path.join(os.path.dirname(__file__), '../../meson.build'), encoding='utf-8') as f:
            version = re.search(r"version : '(.*)'", f.read())[1]
        self.assertEqual(self.run_it('--version'), f'gst-clip-inspect {version}\n')


if __name__ == '__main__':
    program, fetch = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
    unittest.main()

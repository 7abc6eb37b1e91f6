#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gst-clip-fetch against a server that answers like the hub, and one that does not.

    fetch.py SCRIPT [GST-CLIP-INSPECT]
"""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from hub import COMMIT, Hub

script = inspect = ''
HERE = os.path.dirname(os.path.abspath(__file__))
TOKEN = 'hf_secretSecret123'
WEIGHTS = bytes(range(256)) * 400
SIGLIP, OPEN = 'maker/siglip', 'maker/open'
TRANSFORMERS = {
    'config.json': b'{"model_type": "clip"}', 'preprocessor_config.json': b'{}',
    'tokenizer.json': b'{"model": {}}', 'vocab.json': b'{}', 'merges.txt': b'#\n',
    'special_tokens_map.json': b'{ }', 'tokenizer_config.json': b'{  }',
    'model.safetensors': WEIGHTS, 'pytorch_model.bin': b'no', 'README.md': b'no',
}
FILES = {
    'maker/clip': TRANSFORMERS,
    SIGLIP: {'config.json': b'{"model_type": "siglip"}', 'spiece.model': b'\x0a\x00',
             'tokenizer.json': b'{}', 'model.safetensors': WEIGHTS},
    'maker/shards': {
        'config.json': b'{"model_type":"clip"}', 'tokenizer.json': b'{}',
        'model.safetensors.index.json': b'{"weight_map": {"a": "model-00001-of-00002.safetensors",'
        b' "b":"model-00002-of-00002.safetensors", "c": "../evil.safetensors", "d":"model-00001-of-'
        b'00002.safetensors"}}',
        'model-00001-of-00002.safetensors': WEIGHTS,
        'model-00002-of-00002.safetensors': WEIGHTS[:1000]},
    OPEN: {'config.json': b'{"architecture": "x"}', 'model.safetensors': b'timm',
           'open_clip_config.json': b'{"model_cfg": {}}', 'open_clip_model.safetensors': WEIGHTS},
    'maker/pickles': {'config.json': b'{"model_type": "clip"}', 'pytorch_model.bin': b'x'},
    'openai/clip-vit-base-patch32': {'vocab.json': b'{"a": 0}', 'merges.txt': b'#v\n'},
    'timm/vit_base_patch32_clip_224.openai': {
        'open_clip_config.json': b'{}', 'open_clip_model.safetensors': WEIGHTS,
        'tokenizer.json': b'{}'},
}


class Fetch(unittest.TestCase):
    def setUp(self):
        self.hub = Hub(FILES)
        self.dir = tempfile.mkdtemp(prefix='gst-clip-fetch-')

    def tearDown(self):
        self.hub.close()
        shutil.rmtree(self.dir)

    # ------------------------------------------------------------------

    def start(self, *args, env=None, **options):
        return subprocess.Popen(
            [script, '--base-url', self.hub.url, '--dir', self.dir, *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={'PATH': os.environ['PATH'], **(env or {})}, **options)

    def fetch(self, *args, status=0, **options):
        process = self.start(*args, **options)
        output = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, status, output)
        self.assertNotIn(TOKEN, output)
        return output

    def fails(self, *args, says, status=1, **options):
        output = self.fetch(*args, status=status, **options)
        self.assertIn(says, output)
        self.assertEqual([f for f in os.listdir(self.dir) if not f.startswith('.')], [])
        self.assertEqual([f for f in os.listdir(self.dir) if f.endswith('.lock')], [])
        return output

    def has(self, name, files, repo):
        """The folder holds these files, no others, and they are right."""
        folder = os.path.join(self.dir, name)
        self.assertEqual(sorted(os.listdir(folder)), sorted([*files, 'gst-clip-fetch.txt']))
        for file in files:
            with open(os.path.join(folder, file), 'rb') as f:
                self.assertEqual(f.read(), FILES[repo].get(file) or
                                 FILES['openai/clip-vit-base-patch32'][file], file)
        self.assertEqual(os.listdir(self.dir), [name])

    # ------------------------------------------------------------------

    def test_transformers(self):
        output = self.fetch('maker/clip')
        self.has('clip', ['config.json', 'preprocessor_config.json', 'tokenizer.json',
                          'special_tokens_map.json', 'tokenizer_config.json',
                          'model.safetensors'], 'maker/clip')
        self.assertIn('clipfilter model=clip', output)
        with open(os.path.join(self.dir, 'clip', 'gst-clip-fetch.txt')) as f:
            self.assertEqual(f.read(), f'maker/clip {COMMIT}\n')
        # All of one commit, once it is known.
        paths = [path for where, verb, path, _ in self.hub.requests if where == 'hub']
        self.assertIn('/resolve/main/', paths[0])
        self.assertEqual([p for p in paths[1:] if '/resolve/main/' in p], [])

    def test_there_already(self):
        self.fetch('maker/clip')
        n = len(self.hub.requests)
        self.assertIn('there already (maker/clip at ' + COMMIT, self.fetch('maker/clip'))
        self.assertEqual(len(self.hub.requests), n)

    def test_sentencepiece(self):
        self.fetch(SIGLIP + '@v1.0')
        self.has('siglip', ['config.json', 'spiece.model', 'model.safetensors'], SIGLIP)
        self.assertIn('/resolve/v1.0/', self.hub.requests[0][2])

    def test_branch_with_slashes(self):
        self.fetch('maker/clip', '--revision', 'refs/pr/15')
        self.assertIn('/resolve/refs%2Fpr%2F15/', self.hub.requests[0][2])

    def test_page(self):
        """The address of a model's page, as a browser shows it."""
        self.fetch('https://huggingface.co/maker/shards')
        self.assertIn('/maker/shards/resolve/main/', self.hub.requests[0][2])
        n = len(self.hub.requests)
        self.fetch('hf.co/maker/clip/tree/v1.0?library=x')
        self.assertIn('/maker/clip/resolve/v1.0/', self.hub.requests[n][2])
        self.fetch(self.hub.url + '/maker/open/')
        for page in 'https://huggingface.co/maker/open/discussions/1', 'https://example.org/maker/open':
            self.assertIn('not OWNER/NAME', self.fetch(page, status=2))

    def test_shards(self):
        self.fetch('maker/shards')
        self.has('shards', [f for f in FILES['maker/shards']], 'maker/shards')

    def test_open_clip(self):
        """Without a tokenizer of its own it gets CLIP's; timm's config.json is not taken."""
        self.fetch(OPEN)
        self.has('open', ['open_clip_config.json', 'open_clip_model.safetensors', 'vocab.json',
                          'merges.txt'], OPEN)

    def test_known_hash(self):
        self.fails('vit-b-32', says='another hash than the one that is known')
        self.fetch('vit-b-32', '--revision', 'main')
        self.has('vit-b-32', ['open_clip_config.json', 'open_clip_model.safetensors',
                              'tokenizer.json'], 'timm/vit_base_patch32_clip_224.openai')

    # Tokens -----------------------------------------------------------

    def test_token(self):
        self.hub.token = 'Bearer ' + TOKEN
        self.fails('maker/clip', says='HF_TOKEN')
        self.fetch('maker/clip', env={'HF_TOKEN': TOKEN})
        at_cdn = self.hub.seen('cdn', 'GET', '.safetensors')
        self.assertEqual(len(at_cdn), 1)
        self.assertNotIn('Authorization', at_cdn[0])
        self.assertIn('Authorization', self.hub.seen('hub', 'HEAD', 'model.safetensors')[-1])

    def test_token_with_quotes(self):
        self.fails('maker/clip', env={'HF_TOKEN': 'x"\nurl=y'}, says='not a token', status=2)
        self.assertEqual(self.hub.requests, [])

    # Trouble ----------------------------------------------------------

    def test_cut(self):
        self.hub.cut['model.safetensors'] = 30000
        self.assertIn('trying again', self.fetch('maker/clip'))
        gets = self.hub.seen('cdn', 'GET', 'model.safetensors')
        self.assertEqual([g.get('Range') for g in gets], [None, 'bytes=30000-'])
        self.assertTrue(os.path.isdir(os.path.join(self.dir, 'clip')))

    def test_cut_without_ranges(self):
        self.hub.cut['model.safetensors'] = 30000
        self.hub.no_ranges = True
        self.fetch('maker/clip')
        self.assertTrue(os.path.isdir(os.path.join(self.dir, 'clip')))

    def test_interrupted(self):
        """Ctrl-C, and the rest the next time."""
        self.hub.slow['model.safetensors'] = 0.2
        for sign in (signal.SIGINT, signal.SIGTERM):
            process = self.start('maker/clip', start_new_session=True)
            part = os.path.join(self.dir, '.clip.part', 'model.safetensors.part')
            end = time.time() + 60
            before = os.path.getsize(part) if os.path.exists(part) else 0
            while time.time() < end and not (os.path.exists(part) and
                                             os.path.getsize(part) > before):
                time.sleep(0.05)
            # Ctrl-C goes to all processes of the terminal, kill to one.
            if sign == signal.SIGINT:
                os.killpg(process.pid, sign)
            else:
                process.send_signal(sign)
            output = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 130, output)
            self.assertIn('goes on from here', output)
            self.assertEqual(os.listdir(self.dir), ['.clip.part'])
        self.hub.slow.clear()
        self.assertIn('are there', self.fetch('maker/clip'))
        self.assertNotIn(self.hub.seen('cdn', 'GET', 'model.safetensors')[-1].get('Range'),
                         (None, 'bytes=0-'))

    def test_pieces_of_two_versions(self):
        """What is there is of another version: once more from the start."""
        os.makedirs(os.path.join(self.dir, '.clip.part'))
        with open(os.path.join(self.dir, '.clip.part', 'model.safetensors.part'), 'wb') as f:
            f.write(b'x' * 5000)
        with open(os.path.join(self.dir, '.clip.part', 'other.bin'), 'wb') as f:
            f.write(b'x')
        self.assertIn('do not fit', self.fetch('maker/clip'))
        self.assertEqual(len(os.listdir(os.path.join(self.dir, 'clip'))), 7)

    def test_wrong_hash(self):
        self.hub.corrupt = {'model.safetensors'}
        self.fails('maker/clip', says='hash is not what the server announced')
        self.hub.corrupt = {'tokenizer.json'}
        self.fails('maker/clip', says='hash is not what the server announced')
        self.hub.corrupt = set()
        self.fetch('maker/clip')

    def test_no_hash(self):
        self.hub.no_hash = True
        self.assertIn('announces no hash', self.fetch('maker/clip'))

    def test_busy_server(self):
        self.hub.status['model.safetensors'] = [503, 200]
        self.fetch('maker/clip')

    def test_vanished(self):
        self.hub.status['model.safetensors'] = [404]
        self.fails('maker/clip', says='status 404')

    def test_no_such_model(self):
        self.fails('no-such-name', says='--list')
        for wrong, right in (('ViT-B/32', 'vit-b-32'), ('vit-b32', 'vit-b-32'), ('RN50', 'rn50'),
                             ('ViT-L-14-336px', 'vit-l-14-336'), ('vit-h-14', 'laion-vit-h-14'),
                             ('siglip-so400m', 'siglip-so400m-384'),
                             ('rn50x', 'rn50x4, rn50x16, rn50x64')):
            self.fails(wrong, says=f'there is no model "{wrong}"; did you mean {right}?')
        self.assertEqual(self.hub.requests, [])
        self.fails('maker/none', says='there is no model maker/none')
        self.fails('maker/pickles', says='no model that gst-clip reads')

    def test_refused(self):
        for status, code, says in ((404, 'RevisionNotFound', 'no revision'),
                                   (403, 'GatedRepo', 'accept its terms'),
                                   (401, '', 'HF_TOKEN'), (429, '', 'too many requests'),
                                   (500, '', 'status 500')):
            self.hub.head_status['maker/clip'] = status, code
            self.fails('maker/clip', says=says)

    def test_no_server(self):
        self.fails('maker/clip', '--base-url', 'http://127.0.0.1:1', says='no connection')
        self.fails('maker/clip', '--base-url', 'http://no-such-host.invalid', says='network')

    def test_no_curl(self):
        bin_dir = os.path.join(self.dir, '.bin')
        os.mkdir(bin_dir)
        for tool in ('sh', 'awk', 'sed', 'cat', 'mkdir', 'rm', 'tr'):
            os.symlink(shutil.which(tool), os.path.join(bin_dir, tool))
        self.fails('maker/clip', env={'PATH': bin_dir}, says='curl is needed')

    def test_disk_full(self):
        """Writing fails after 20 kB."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        self.fails('maker/clip', preexec_fn=limit, says='disk full')

    def test_no_space(self):
        """Said before anything large is fetched."""
        bin_dir = os.path.join(self.dir, '.bin')
        os.mkdir(bin_dir)
        with open(os.path.join(bin_dir, 'df'), 'w') as f:
            f.write('#!/bin/sh\necho head\necho /dev/x 100 90 10 90% /\n')
        os.chmod(os.path.join(bin_dir, 'df'), 0o755)
        path = bin_dir + ':' + os.environ['PATH']
        self.fails('maker/clip', env={'PATH': path}, says='not enough space')
        self.assertEqual(self.hub.seen('cdn', 'GET', '.safetensors'), [])

    def test_two_at_once(self):
        self.hub.slow['model.safetensors'] = 0.1
        first = self.start('maker/clip')
        end = time.time() + 60
        while time.time() < end and not self.hub.seen('cdn', 'GET', '.safetensors'):
            time.sleep(0.05)
        output = self.fetch('maker/clip', status=1)
        self.assertIn(f'process {first.pid}', output)
        self.assertEqual(first.wait(timeout=60), 0)
        first.stdout.close()
        self.assertEqual(os.listdir(self.dir), ['clip'])

    def test_stale_lock(self):
        lock = os.path.join(self.dir, '.clip.lock')
        gone = subprocess.Popen(['true'])
        gone.wait()
        os.mkdir(lock)
        with open(os.path.join(lock, 'pid'), 'w') as f:
            f.write(str(gone.pid))
        self.fetch('maker/clip')
        self.assertEqual(os.listdir(self.dir), ['clip'])

    # Use --------------------------------------------------------------

    def test_wrong_use(self):
        for args in ([], ['--wrong'], ['a/b', 'c/d'], ['a/b/c'], ['a/..'], ['a/b;c'], ['a/b@'],
                     ['a/b@x y'], ['a/b@../c'], ['a/b', '--dir'], ['/b'], ['a/']):
            self.fails(*args, says='--help', status=2)
        self.fails('maker/clip', '--base-url', 'ftp://x', says='not an http', status=2)
        self.assertEqual(self.hub.requests, [])

    def test_help_and_list(self):
        self.assertIn('Usage', self.fetch('--help'))
        self.assertIn('timm/vit_base_patch32_clip_224.openai', self.fetch('--list'))
        with open(os.path.join(HERE, '../../meson.build'), encoding='utf-8') as f:
            version = re.search(r"version : '(.*)'", f.read())[1]
        self.assertEqual(self.fetch('--version'), f'gst-clip-fetch {version}\n')

    def test_documented(self):
        """docs/models.md has every name and size, in the same order."""
        with open(os.path.join(HERE, '../../docs/models.md'), encoding='utf-8') as f:
            cells = [line.split(' | ') for line in f if line.startswith('| `')]
        rows = [(row[0].split('`')[1], row[2]) for row in cells if len(row) == 8]
        listed = [line.split() for line in self.fetch('--list').splitlines()]
        self.assertEqual(rows, [(line[0], line[1]) for line in listed])
        self.assertEqual({line[2] for line in listed}, {'MB'})

    def test_default_folder(self):
        data = os.path.join(self.dir, '.data')
        output = subprocess.run([script, 'maker/clip', '--base-url', self.hub.url], text=True,
                                env={'PATH': os.environ['PATH'], 'XDG_DATA_HOME': data},
                                capture_output=True, timeout=120)
        self.assertEqual(output.returncode, 0, output.stderr)
        self.assertTrue(os.path.isfile(data + '/gst-clip/models/clip/config.json'))

    def test_found_by_name(self):
        """The embedded model, from a hub: what is fetched the engine finds by its name and reads."""
        if not inspect:
            self.skipTest('no gst-clip-inspect was named')
        demo = os.path.join(HERE, '../../gst-clip/models/demo')
        files = {}
        for name in os.listdir(demo):
            if os.path.splitext(name)[1] in ('.json', '.txt', '.safetensors', '.md'):
                with open(os.path.join(demo, name), 'rb') as f:
                    files[name] = f.read()
        env = {'PATH': os.environ['PATH'], 'XDG_DATA_HOME': os.path.join(self.dir, '.data')}
        self.hub.files = {'maker/demo-from-hub': files}
        for command in ([script, 'maker/demo-from-hub', '--base-url', self.hub.url],
                        [inspect, 'demo-from-hub']):
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn('/gst-clip/models/demo-from-hub\n', done.stdout)

    def test_not_usable(self):
        """gst-clip-inspect is asked at the end; its complaints are shown."""
        bin_dir = os.path.join(self.dir, '.bin')
        os.mkdir(bin_dir)
        with open(os.path.join(bin_dir, 'gst-clip-inspect'), 'w') as f:
            f.write('#!/bin/sh\necho "$1"; echo "  family x"; echo "  problems of $1"; exit 1\n')
        os.chmod(os.path.join(bin_dir, 'gst-clip-inspect'), 0o755)
        output = self.fetch('maker/clip', env={'PATH': bin_dir + ':' + os.environ['PATH']})
        self.assertIn('cannot run it', output)
        self.assertIn('  problems of ' + self.dir + '/clip', output)
        self.assertNotIn('family', output)

    @unittest.skipUnless(shutil.which('shellcheck'), 'no shellcheck')
    def test_shellcheck(self):
        output = subprocess.run(['shellcheck', script], capture_output=True, text=True)
        self.assertEqual(output.returncode, 0, output.stdout)


if __name__ == '__main__':
    script = os.path.abspath(sys.argv.pop(1))
    if len(sys.argv) > 1 and os.path.isfile(sys.argv[1]):
        inspect = os.path.abspath(sys.argv.pop(1))
    if not shutil.which('curl'):
        print('no curl')
        sys.exit(77)
    unittest.main()

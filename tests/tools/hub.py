# SPDX-License-Identifier: LGPL-2.1-or-later
"""An HTTP server that answers like the Hugging Face hub: HEAD with sizes and hashes, redirects of
large files to another origin, ranges; and that misbehaves on request."""
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = 'c0ffee' * 6 + 'c0de'


def git_hash(data):
    return hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()


class Hub:
    """files: {'OWNER/NAME': {file: bytes}}. Large ones (.safetensors) are redirected to the second
    server. What it shall do wrong:
    cut: {file: bytes}: the first GET ends after so many; slow: {file: seconds} for each 4 kB;
    corrupt: set of files that are not what was announced; no_ranges, no_hash: booleans;
    status: {file: [status, ...]}, one for each GET; head_status: {repo: (status, X-Error-Code)}
    requests: what was asked: (where, method, path, headers)"""

    def __init__(self, files):
        self.files, self.requests = files, []
        self.cut, self.slow, self.status, self.head_status = {}, {}, {}, {}
        self.corrupt, self.no_ranges, self.no_hash = set(), False, False
        self.token = None
        self.servers = [self.start('hub'), self.start('cdn')]
        self.url = self.origin(0)

    def origin(self, which):
        return 'http://127.0.0.1:%d' % self.servers[which].server_address[1]

    def start(self, where):
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *args):
                pass

            def do_HEAD(self):
                hub.answer(self, where)

            def do_GET(self):
                hub.answer(self, where)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass  # clients may go away

        server = Server(('127.0.0.1', 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def seen(self, where, method, end):
        return [headers for place, verb, path, headers in self.requests
                if place == where and verb == method and path.endswith(end)]

    # ------------------------------------------------------------------

    def answer(self, request, where):
        self.requests.append((where, request.command, request.path, dict(request.headers)))
        parts = request.path.lstrip('/').split('/')
        repo, file = '/'.join(parts[:2]), parts[-1]
        if where == 'hub' and repo in self.head_status:
            status, code = self.head_status[repo]
            return self.reply(request, status, {'X-Error-Code': code} if code else {})
        if where == 'hub' and self.token and request.headers.get('Authorization') != self.token:
            return self.reply(request, 401, {})
        data = self.files.get(repo, {}).get(file)
        if data is None:
            code = 'EntryNotFound' if repo in self.files else 'RepoNotFound'
            return self.reply(request, 404, {'X-Error-Code': code})
        headers = {'X-Repo-Commit': COMMIT}
        if where == 'hub' and file.endswith('.safetensors'):
            headers['Location'] = f'{self.origin(1)}/{repo}/signed/{file}'
            headers['X-Linked-Size'] = str(len(data))
            if not self.no_hash:
                headers['X-Linked-ETag'] = '"%s"' % hashlib.sha256(data).hexdigest()
            return self.reply(request, 302, headers)
        if where == 'hub' and 'cached' not in parts:
            # As the hub does with small files: to a path of its own.
            headers['Location'] = f'/{repo}/cached/{file}'
            return self.reply(request, 307, headers)
        if not self.no_hash:
            headers['ETag'] = '"%s"' % git_hash(data)
        return self.send(request, file, data, headers)

    def reply(self, request, status, headers):
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header('Content-Length', '0')
        request.end_headers()

    def send(self, request, file, data, headers):
        status, begin = 200, 0
        if request.command == 'GET' and self.status.get(file):
            wanted = self.status[file].pop(0)
            if wanted != 200:
                return self.reply(request, wanted, {})
        if file in self.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        asked = request.headers.get('Range')
        if asked and not self.no_ranges:
            begin = int(asked.split('=')[1].split('-')[0])
            if begin >= len(data):
                return self.reply(request, 416, {})
            status = 206
            headers['Content-Range'] = f'bytes {begin}-{len(data) - 1}/{len(data)}'
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header('Content-Length', str(len(data) - begin))
        request.end_headers()
        if request.command == 'GET':
            self.body(request, file, data[begin:])

    def body(self, request, file, data):
        limit = self.cut.pop(file, None)
        if limit is not None:
            request.wfile.write(data[:limit])
            request.wfile.flush()
            request.close_connection = True
            return
        pause = self.slow.get(file, 0)
        if not pause:
            request.wfile.write(data)
            return
        try:
            for at in range(0, len(data), 4096):
                request.wfile.write(data[at:at + 4096])
                request.wfile.flush()
                time.sleep(pause)
        except OSError:
            pass

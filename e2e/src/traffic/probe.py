"""A service of Python without dependencies that knows nothing of who runs it, for tests of swaps: as probe.mjs, but for WebSockets."""
import hashlib
import http.server
import json
import os
import signal
import sys
import threading
import time
import urllib.parse

DEPLOYMENT = os.environ.get('DEPLOYMENT_ID', 'probe-1')
SETTINGS = {
    'countsFile': os.environ.get('PROBE_COUNTS', 'counts.log'),
    'bootMs': 0,
    'crashesAtBoot': False,
    'healthStatus': 200,
    'exitsAfterHealthyMs': None,
    'onStop': 'exit',
    'failsAfterMs': None,
    'failsAfterRequests': None,
    'failsEvery': None,
    'slowMs': 0,
    'headers': {},
}
BESIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'probe.json')
if os.path.exists(BESIDE):
    with open(BESIDE, encoding='utf-8') as file:
        SETTINGS.update(json.load(file))
SETTINGS.update(json.loads(os.environ.get('PROBE_SETTINGS', '{}')))
if SETTINGS['crashesAtBoot']:
    sys.exit(f'{DEPLOYMENT} cannot start: the flour is missing')

# Both deployments append to the same file; a line of O_APPEND is written whole.
COUNTS = os.open(SETTINGS['countsFile'], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
STARTED_AT = time.monotonic()
LOCK = threading.Lock()
requests = 0


def is_broken():
    after_ms, after_requests, every = (SETTINGS[key] for key in ('failsAfterMs', 'failsAfterRequests', 'failsEvery'))
    return (
        (after_ms is not None and (time.monotonic() - STARTED_AT) * 1000 >= after_ms)
        or (after_requests is not None and requests > after_requests)
        or (every is not None and requests % every == 0)
    )


class Probe(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    # Head and body in one write.
    wbufsize = -1
    timeout = 65

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.route({'get': self.echo, 'headers': self.show_headers, 'slow': self.answer_slowly, 'stream': self.stream, 'counted': self.counted})

    def do_POST(self):
        self.route({'post': self.count, 'upload': self.weigh})

    def route(self, routes):
        global requests
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == '/health':
            if SETTINGS['healthStatus'] < 300 and SETTINGS['exitsAfterHealthyMs'] is not None:
                threading.Timer(SETTINGS['exitsAfterHealthyMs'] / 1000, os._exit, [1]).start()
            return self.answer(SETTINGS['healthStatus'], {'deployment': DEPLOYMENT})
        with LOCK:
            requests += 1
        pieces = list(self.body())
        if is_broken():
            return self.answer(500, {'error': 'broken on purpose'})
        time.sleep(SETTINGS['slowMs'] / 1000)
        handle = routes.get(url.path.rsplit('/', 1)[-1])
        return self.answer(404, {'error': 'no such path'}) if handle is None else handle(pieces)

    def body(self):
        if self.headers.get('transfer-encoding', '').lower() != 'chunked':
            yield self.rfile.read(int(self.headers.get('content-length', 0)))
            return
        while True:
            size = int(self.rfile.readline().split(b';')[0], 16)
            piece = self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return
            yield piece

    def head(self, status, content_type, *headers):
        self.send_response(status)
        self.send_header('content-type', content_type)
        self.send_header('x-deployment', DEPLOYMENT)
        for name, value in (*headers, *SETTINGS['headers'].items()):
            self.send_header(name, value)
        self.end_headers()

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.head(status, 'application/json', ('content-length', str(len(data))))
        self.wfile.write(data)
        self.wfile.flush()

    def echo(self, _):
        self.answer(200, {'n': self.query.get('n'), 'deployment': DEPLOYMENT})

    def show_headers(self, _):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.answer(200, {'headers': headers, 'deployment': DEPLOYMENT})

    def count(self, pieces):
        number = json.loads(b''.join(pieces))['id']
        os.write(COUNTS, f'{number} {DEPLOYMENT}\n'.encode())
        self.answer(201, {'n': number, 'deployment': DEPLOYMENT})

    def answer_slowly(self, _):
        seconds = int(self.query['ms']) / 1000
        if self.query.get('head') == 'early':
            self.head(200, 'application/json', ('transfer-encoding', 'chunked'))
            self.chunk('{"n":' + json.dumps(self.query.get('n')) + ',')
            time.sleep(seconds)
            self.chunk('"deployment":' + json.dumps(DEPLOYMENT) + '}')
            self.chunk('')
        else:
            time.sleep(seconds)
            self.echo(None)

    def weigh(self, pieces):
        data = b''.join(pieces)
        answer = {'n': self.query.get('n'), 'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()}
        self.answer(200, {**answer, 'deployment': DEPLOYMENT})

    def stream(self, _):
        number = int(self.headers.get('last-event-id', 0))
        self.head(200, 'text/event-stream', ('cache-control', 'no-store'), ('transfer-encoding', 'chunked'))
        try:
            while True:
                number += 1
                self.chunk(f'id: {number}\ndata: {json.dumps({"n": number, "deployment": DEPLOYMENT})}\n\n')
                time.sleep(int(self.query.get('everyMs', 100)) / 1000)
        except OSError:
            self.close_connection = True

    def counted(self, _):
        with open(SETTINGS['countsFile'], 'rb') as file:
            data = file.read()
        self.head(200, 'text/plain', ('content-length', str(len(data))))
        self.wfile.write(data)
        self.wfile.flush()

    def chunk(self, text):
        data = text.encode()
        self.wfile.write(f'{len(data):x}\r\n'.encode() + data + b'\r\n')
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        # A client that went away is nobody's fault.
        pass


if SETTINGS['onStop'] == 'ignore':
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif SETTINGS['onStop'] == 'exit':
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
time.sleep(SETTINGS['bootMs'] / 1000)
server = Server((os.environ.get('HOST', '127.0.0.1'), int(os.environ.get('PORT', '8080'))), Probe)
print(f'{DEPLOYMENT} listens', flush=True)
server.serve_forever()

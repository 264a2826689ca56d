/** The servers of other languages, as the files that they are started from. */

/** Threads, and the standard library's parser; the body is read here, since that library reads none. */
export const PYTHON = String.raw`
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1

    def chunks(self):
        whole = b''
        while True:
            line = self.rfile.readline(65537)
            size = int(line.split(b';')[0], 16)
            if size == 0:
                break
            whole += self.rfile.read(size)
            self.rfile.read(2)
        while self.rfile.readline(65537) not in (b'\r\n', b'\n', b''):
            pass
        return whole

    def serve(self):
        if 'chunked' in self.headers.get('transfer-encoding', '').lower():
            body = self.chunks()
        else:
            length = int(self.headers.get('content-length', '0'))
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
        seen_id = self.headers.get('x-request-id', '')
        record = {'id': seen_id, 'method': self.command, 'target': self.path,
                  'headers': [[name.lower(), value] for name, value in self.headers.raw_items()],
                  'body': body.decode('latin1')}
        with lock:
            sys.stdout.write(json.dumps(record) + '\n')
            sys.stdout.flush()
        answer = seen_id.encode('latin1')
        self.send_response(200)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(answer)
        self.wfile.flush()

    def __getattr__(self, name):
        if name.startswith('do_'):
            return self.serve
        raise AttributeError(name)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
print(json.dumps({'port': server.server_address[1]}), flush=True)
server.serve_forever()
`;

export const GO = String.raw`
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// A rune for a byte: JSON is Unicode, headers are bytes.
func bytes(text string) string {
	runes := make([]rune, len(text))
	for i := 0; i < len(text); i++ {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.Encode(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		headers := [][2]string{}
		if r.Host != "" {
			headers = append(headers, [2]string{"host", bytes(r.Host)})
		}
		for _, coding := range r.TransferEncoding {
			headers = append(headers, [2]string{"transfer-encoding", coding})
		}
		for name, values := range r.Header {
			for _, value := range values {
				headers = append(headers, [2]string{strings.ToLower(name), bytes(value)})
			}
		}
		id := r.Header.Get("X-Request-Id")
		lock.Lock()
		out.Encode(map[string]any{"id": id, "method": r.Method, "target": bytes(r.RequestURI), "headers": headers, "body": bytes(string(body))})
		lock.Unlock()
		w.Header().Set("Content-Length", fmt.Sprint(len(id)))
		io.WriteString(w, id)
	}))
}
`;

/** Headers that nginx is asked for; it takes underscores for dashes, as CGI does. */
const NGINX_HEADERS = [
  'host',
  'content_length',
  'transfer_encoding',
  'connection',
  'te',
  'trailer',
  'upgrade',
  'keep_alive',
  'proxy_connection',
  'expect',
  'x_switchyard_identity',
  'x_switchyard_instance',
  'x_forwarded_for',
  'x_forwarded_host',
  'x_forwarded_proto',
  'forwarded',
  'x_request_id',
  'traceparent',
  'x_real_ip',
  'remote_user',
];

export const nginxConfiguration = (folder: string, port: number): string => `
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
  client_body_buffer_size 2m; client_body_in_single_buffer on; client_max_body_size 4m; large_client_header_buffers 8 64k;
  keepalive_requests 10000000; keepalive_timeout 600s;
  log_format seen escape=json '{"id":"$http_x_request_id","method":"$request_method","target":"$request_uri","status":$status,'
    '"headers":[${NGINX_HEADERS.map((name) => `["${name.replaceAll('_', '-')}","$http_${name}"]`).join(',')}],'
    '"body":"$request_body"}';
  server {
    listen 127.0.0.1:${port};
    access_log ${folder}/seen.log seen;
    location / { proxy_pass http://unix:${folder}/answering.sock; proxy_set_header X-Request-Id $http_x_request_id; }
  }
  server {
    listen unix:${folder}/answering.sock;
    access_log off;
    location / { return 200 $http_x_request_id; }
  }
}
`;

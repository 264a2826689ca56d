// A small service to stand behind the gateway: it sleeps, streams, swallows and counts, and fails when it is told to.
//
// Listens on 127.0.0.1:PORT. Every request but those below /control/ is counted when its head has arrived.
// GET /sleep answers after the delay; GET /big?bytes=&piece=&gapMicros= streams zeros; POST /sink counts a body; GET /page is for browsers.
// GET /control/counts; POST /control/set?delayMs=&jitterMs=&status=
package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

var (
	name                                        = os.Getenv("NAME")
	requests, answered, connections, bytesTaken atomic.Int64
	delayMs, jitterMs, failStatus               atomic.Int64
	page                                        = os.Getenv("PAGE_FILE")
	zeros                                       [65536]byte
	reported                                    atomic.Value
)

func number(r *http.Request, key string, otherwise int64) int64 {
	value, err := strconv.ParseInt(r.URL.Query().Get(key), 10, 64)
	if err != nil {
		return otherwise
	}
	return value
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("content-type", "application/json")
	w.Header().Set("content-length", strconv.Itoa(len(body)))
	w.Header().Set("x-instance", name)
	w.WriteHeader(status)
	io.WriteString(w, body)
	answered.Add(1)
}

func wait() {
	ms := float64(delayMs.Load())
	if ms > 0 {
		ms += (rand.Float64()*2 - 1) * float64(jitterMs.Load())
		time.Sleep(time.Duration(ms * float64(time.Millisecond)))
	}
}

func small(w http.ResponseWriter, r *http.Request) {
	wait()
	answer(w, 200, fmt.Sprintf(`{"instance":%q,"friends":42,"about":"one hundred bytes of JSON, more or less"}`, name))
}

func big(w http.ResponseWriter, r *http.Request) {
	left := number(r, "bytes", 1<<20)
	w.Header().Set("content-type", "application/octet-stream")
	if r.URL.Query().Get("chunked") == "" {
		w.Header().Set("content-length", strconv.FormatInt(left, 10))
	}
	most := min(number(r, "piece", int64(len(zeros))), int64(len(zeros)))
	gap := time.Duration(number(r, "gapMicros", 0)) * time.Microsecond
	for left > 0 {
		piece := min(most, left)
		time.Sleep(gap)
		if _, err := w.Write(zeros[:piece]); err != nil {
			return
		}
		left -= piece
	}
	answered.Add(1)
}

func sink(w http.ResponseWriter, r *http.Request) {
	buffer := make([]byte, 65536)
	var total int64
	for {
		n, err := r.Body.Read(buffer)
		total += int64(n)
		bytesTaken.Add(int64(n))
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
	}
	answer(w, 200, fmt.Sprintf(`{"bytes":%d}`, total))
}

func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("content-type", "text/event-stream")
	flusher := w.(http.Flusher)
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %d\n\n", n, n); err != nil {
			return
		}
		flusher.Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Echoes text frames of fewer than 126 bytes (RFC 6455).
func socket(w http.ResponseWriter, r *http.Request) {
	digest := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	connection, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(digest[:]))
	buffered.Flush()
	for {
		var head [6]byte
		if _, err := io.ReadFull(buffered, head[:]); err != nil || head[1]&0x7f > 125 {
			return
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(buffered, payload); err != nil {
			return
		}
		for index := range payload {
			payload[index] ^= head[2+index%4]
		}
		connection.Write(append([]byte{head[0], byte(len(payload))}, payload...))
		if head[0]&0x0f == 0x8 {
			return
		}
	}
}

func control(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/control/set":
		delayMs.Store(number(r, "delayMs", delayMs.Load()))
		jitterMs.Store(number(r, "jitterMs", jitterMs.Load()))
		failStatus.Store(number(r, "status", failStatus.Load()))
	case "/control/reported":
		said, _ := reported.Load().(string)
		io.WriteString(w, said)
		return
	}
	fmt.Fprintf(w, `{"requests":%d,"answered":%d,"connections":%d,"bytes":%d}`, requests.Load(), answered.Load(), connections.Load(), bytesTaken.Load())
}

func main() {
	for key, target := range map[string]*atomic.Int64{"DELAY_MS": &delayMs, "JITTER_MS": &jitterMs, "FAIL_STATUS": &failStatus} {
		value, _ := strconv.ParseInt(os.Getenv(key), 10, 64)
		target.Store(value)
	}
	routes := map[string]http.HandlerFunc{"/sleep": small, "/big": big, "/sink": sink, "/stream": stream, "/socket": socket,
		"/page": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, page) },
		"/report": func(w http.ResponseWriter, r *http.Request) {
			said, _ := io.ReadAll(io.LimitReader(r.Body, 65536))
			reported.Store(string(said))
			answer(w, 200, "{}")
		},
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) > 9 && r.URL.Path[:9] == "/control/" {
				control(w, r)
				return
			}
			requests.Add(1)
			if status := failStatus.Load(); status != 0 {
				wait()
				answer(w, int(status), `{"error":"told to fail"}`)
				return
			}
			route := routes[r.URL.Path]
			if route == nil {
				route = small
			}
			route(w, r)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server.Serve(listener)
}

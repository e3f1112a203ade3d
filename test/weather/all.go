package weather

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"
)

// refuse answers as the API server does when it will not.
func refuse(code int, reason string, header ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"the weather"}`, reason, code)
	}
}

// All are what an API server in trouble, or the way to it, does.
func All() []Weather {
	const fifth = 20
	abort := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	return []Weather{
		{Name: "too many requests", Percent: fifth, Strike: refuse(http.StatusTooManyRequests, "TooManyRequests", "Retry-After", "1")},
		{Name: "internal errors", Percent: fifth, Strike: refuse(http.StatusInternalServerError, "InternalError")},
		{Name: "unavailable", Percent: fifth, Strike: refuse(http.StatusServiceUnavailable, "ServiceUnavailable")},
		{Name: "conflicts", Percent: fifth, Hits: isWrite, Strike: refuse(http.StatusConflict, "Conflict")},
		{Name: "forbidden for a while", Percent: fifth, Hits: isWrite, Strike: refuse(http.StatusForbidden, "Forbidden")},
		{Name: "connections break", Percent: fifth, Strike: abort},
		{Name: "answers are lost", Percent: fifth, Hits: isWrite, Strike: func(_ http.ResponseWriter, r *http.Request, behind http.Handler) {
			behind.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}},
		{Name: "timeouts", Percent: fifth, Strike: func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
			time.Sleep(500 * time.Millisecond)
			refuse(http.StatusGatewayTimeout, "Timeout")(w, r, behind)
		}},
		{Name: "slow", Percent: 100, Strike: func(w http.ResponseWriter, r *http.Request, behind http.Handler) {
			time.Sleep(200 * time.Millisecond)
			behind.ServeHTTP(w, r)
		}},
		{Name: "answers dribble", Percent: fifth, Body: func(b io.ReadCloser, _ *Proxy) io.ReadCloser { return &dribble{ReadCloser: b} }},
		{Name: "watches are cut", Percent: 100, Hits: isWatch, Body: func(b io.ReadCloser, p *Proxy) io.ReadCloser {
			time.AfterFunc(time.Duration(200+p.roll(1300))*time.Millisecond, func() { _ = b.Close() })
			return b
		}},
		{Name: "watches are late", Percent: 100, Hits: isWatch, Body: func(b io.ReadCloser, _ *Proxy) io.ReadCloser { return newLate(b, time.Second) }},
		{Name: "versions are gone", Percent: 50, Hits: isWatch, Strike: refuse(http.StatusGone, "Expired")},
	}
}

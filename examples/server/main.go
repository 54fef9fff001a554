// Server answers every request with a line: who runs it, what time it is in
// Berlin, and how many certificates it trusts. So it needs of its image what
// most servers do: an account, time zones and CA certificates.
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	addr := cmp.Or(os.Getenv("ADDR"), ":8080")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		log.Fatal(err)
	}
	bundle, err := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from uid %d, %s, %d bytes of certificates\n",
			os.Getuid(), time.Now().In(berlin).Format("15:04 MST"), len(bundle))
	})

	// The first process of a container ends at SIGTERM only if it says so.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		os.Exit(0)
	}()
	log.Print("listening on ", addr)
	log.Fatal(http.ListenAndServe(addr, nil))
}

package programs

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A Process is a server that runs until it is killed.
type Process struct {
	cmd    *exec.Cmd
	output lockedBuffer
	ended  chan struct{} // closed when it has ended
}

// Start starts a server and waits until something listens at addr. It is killed
// when this program ends, however that happens.
func Start(addr, file string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(file, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread that started the process ends, so this
		// one belongs to the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.cmd.Wait() // how it ends is told by its output
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := p.await(addr); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%s: %w\n%s", file, err, p.Output())
	}
	return p, nil
}

// await waits until the process listens.
func (p *Process) await(addr string) error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("does not listen after 20 s: %w", err)
		}
		select {
		case <-p.ended:
			return fmt.Errorf("ended: %v", p.cmd.ProcessState)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the process at once, without a chance to tidy up, and waits for it.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// Output returns what the process has printed.
func (p *Process) Output() string { return p.output.String() }

// FreeAddr returns an address of 127.0.0.1 where nothing listens now.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// A lockedBuffer keeps the end of what a process prints.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxOutput = 1 << 20

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len()+len(p) > maxOutput {
		b.buf.Reset()
	}
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

package fetch

// Progress is told about downloads as they happen. Its methods are called from
// several goroutines.
type Progress interface {
	// Start announces a download of size bytes, -1 when that is not known.
	Start(name string, size int64) Task
}

// Task is one download.
type Task interface {
	// Set says how many bytes there are so far. The number falls when a
	// server makes a download start over.
	Set(done int64)
	// Done ends the task; err is nil when it succeeded.
	Done(err error)
}

type silent struct{}

func (silent) Start(string, int64) Task { return silent{} }
func (silent) Set(int64)                {}
func (silent) Done(error)               {}

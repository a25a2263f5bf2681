package app

import "sync"

// bell wakes those who wait for an attempt or for events of an account, in
// this process.
type bell struct {
	mu  sync.Mutex
	by  map[string]chan struct{}
	use map[string]int
}

// listen returns a channel that is closed at the next ring of the key, and a
// function to give it back.
func (b *bell) listen(key string) (<-chan struct{}, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil {
		b.by, b.use = map[string]chan struct{}{}, map[string]int{}
	}
	ch, ok := b.by[key]
	if !ok {
		ch = make(chan struct{})
		b.by[key] = ch
	}
	b.use[key]++
	return ch, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.by[key] != ch { // it rang, and others may listen anew
			return
		}
		if b.use[key]--; b.use[key] == 0 {
			delete(b.by, key)
			delete(b.use, key)
		}
	}
}

func (b *bell) ring(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		if ch, ok := b.by[key]; ok {
			close(ch)
			delete(b.by, key)
			delete(b.use, key)
		}
	}
}

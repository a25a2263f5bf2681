# Every target is one command that also works without make.

.PHONY: demo run build test lint lint-full generate bench

demo: ## a proof fails, is mended, and passes; offline
	go run ./cmd/zonehold dev --tour

run: ## the whole service on a fake internet, to try things on
	go run ./cmd/zonehold dev

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o zonehold ./cmd/zonehold

test: ## every test, both databases, race detector
	scripts/test

lint:
	scripts/lint

lint-full:
	scripts/lint --full

generate:
	go generate ./...

bench: ## the figures of docs/performance.md
	go test -run '^$$' -bench . -benchmem ./...

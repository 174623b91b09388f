"""Export, replay, verification and plan beside kcat, on real services: `make bench` and docs/benchmarks.md."""

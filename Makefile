# Lineward. `make demo` and `make test` are enough on a fresh Debian 12 with a Swift toolchain.
#
# Every target that compiles depends on `packages`, which installs what config/debian-packages lists, or says
# which line to type.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PACKAGES := $(shell sed 's/\#.*//' config/debian-packages)
SWIFT_BUILD := swift build --explicit-target-dependency-import-check error
# As they are installed: what is measured and simulated is what runs beside the line. One at a time, because GRDB's dynamic
# library, which nobody uses, cannot be linked so.
SWIFT_RELEASE := $(SWIFT_BUILD) -c release --static-swift-stdlib --product
release-of = for program in $(1); do $(SWIFT_RELEASE) $$program || exit 1; done
DEBUG := .build/debug
RELEASE := .build/release
DESTDIR ?=
PREFIX ?= /usr
SEED ?=
FUZZ_SECONDS ?= 60
SIM_SECONDS ?= 60
KILLS ?= 300
CUTS ?= 60
ONLY ?=
ifeq ($(PREFIX),/usr)
  ETC := /etc
else
  ETC := $(PREFIX)/etc
endif

.PHONY: help
help: ## what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

.PHONY: packages
packages: ## install the Debian packages that are missing
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed \
	    || missing="$$missing $$package"; done; \
	[ -z "$$missing" ] && exit 0; \
	install="apt-get install -y --no-install-recommends$$missing"; \
	if [ "$$(id -u)" = 0 ]; then run=; \
	elif sudo -n true 2>/dev/null; then run=sudo; \
	else echo "Missing Debian packages. Type: sudo apt-get update && sudo $$install" >&2; exit 1; fi; \
	echo "installing:$$missing"; \
	{ $$run apt-get update -q && DEBIAN_FRONTEND=noninteractive $$run $$install -q; } >/tmp/lineward-apt.$$$$ 2>&1 \
	  || { cat /tmp/lineward-apt.$$$$; rm -f /tmp/lineward-apt.$$$$; exit 1; }; rm -f /tmp/lineward-apt.$$$$

# pymodbus plays a PLC in the tests. Without a network once, its tests are skipped, and say so.
PYMODBUS := pymodbus==3.7.4 pyserial==3.5
TEST_VENV := .build/test-venv
.PHONY: test-venv
test-venv: packages ## pymodbus for the tests, in a Python environment of its own
	@$(TEST_VENV)/bin/python -c 'import pymodbus, serial' 2>/dev/null || { mkdir -p .build && python3 -m venv $(TEST_VENV) \
	  && $(TEST_VENV)/bin/pip install --quiet --disable-pip-version-check --timeout 20 --retries 1 $(PYMODBUS); } \
	  || { rm -rf $(TEST_VENV); echo "NOT INSTALLED: $(PYMODBUS), is there a network? Its tests will be skipped." >&2; }

.PHONY: build
build: packages ## debug build of everything
	$(SWIFT_BUILD)

.PHONY: release
release: packages ## release build of the programs
	$(call release-of,linewardd lineward lineward-auth linewardsim linewardmanual)

.PHONY: lint
lint: ## formatting and style
	swift format lint --strict --parallel --recursive --configuration .swift-format Package.swift Sources Tests

.PHONY: format
format: ## format the sources in place
	swift format -i --parallel --recursive --configuration .swift-format Package.swift Sources Tests

.PHONY: check
check: lint test-venv ## lint, build, unit tests; no processes started, no units checked
	$(SWIFT_BUILD) --build-tests
	swift test --skip-build --skip ProcessTests --skip WholeLineTests

.PHONY: test
test: lint test-venv units ## all tests; what CI runs
	$(SWIFT_BUILD) --build-tests
	swift test --skip-build --skip ProcessTests
	Tests/system/check-manual $(DEBUG)
	@echo "--- real processes, with the machine to themselves"
	swift test --skip-build --filter ProcessTests

.PHONY: units
units: packages ## the systemd units, as systemd sees them
	Tests/system/check-units

.PHONY: tsan
tsan: packages ## rings, pool and links under the thread sanitizer, release; then a seeded fault that it must find
	swift test -c release --sanitize=thread --scratch-path .build-tsan --filter 'RingsTests|SerialPoolTests|PLCLinkTests'
	@echo "--- now a ring with a wrong atomic ordering: the sanitizer must report it"
	@LINEWARD_SEEDED_FAULT=1 swift test -c release --sanitize=thread --scratch-path .build-tsan --skip-build \
	  --filter SeededFault > .build-tsan/seeded-fault.log 2>&1; \
	grep -m1 'WARNING: ThreadSanitizer: data race' .build-tsan/seeded-fault.log && echo "found, as it must be" \
	  || { tail .build-tsan/seeded-fault.log; echo "the seeded fault was NOT found"; exit 1; }

.PHONY: sim
sim: packages ## whole lines in virtual time, as many as SIM_SECONDS=60 hold; SEED=n for one
	$(call release-of,wholelines)
	$(RELEASE)/wholelines --seconds $(SIM_SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: crash
crash: build ## the real daemon killed, and its power cut; KILLS=300 CUTS=60 SEED=n
	Tests/system/crash-test --programs $(DEBUG) --kills $(KILLS) --cuts $(CUTS) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: packages ## speed, against floors measured in the same run; ONLY=pool,rings for parts of it
	$(call release-of,linewardd lineward linewardbench linewardfloor)
	$(RELEASE)/linewardbench --linewardd $(RELEASE)/linewardd $(if $(ONLY),--only $(ONLY))

.PHONY: demo
demo: build ## the simulated line with faults in it, half a minute
	@directory=$$(mktemp -d "$${TMPDIR:-/tmp}/lineward-demo.XXXXXX") && \
	$(DEBUG)/linewardsim --scenario config/scenarios/demo.toml --seed $(if $(SEED),$(SEED),1) --directory $$directory \
	  --linewardd $(DEBUG)/linewardd --lineward $(DEBUG)/lineward --view

.PHONY: docs
docs: build ## write the generated pages anew: sample configuration, its reference, alarms, and their part of the catalogue
	$(DEBUG)/linewardd --print-sample-config > config/lineward.toml
	$(DEBUG)/linewardd --print-config-reference > docs/configuration.md
	$(DEBUG)/linewardd --print-alarm-reference > docs/alarms.md
	sed -i '/^# One entry for each kind of alarm/,$$d' systemd/lineward.catalog
	$(DEBUG)/linewardd --print-alarm-catalogue >> systemd/lineward.catalog

.PHONY: gs1-table
gs1-table: ## the AI table anew; DICTIONARY=path to a GS1 Barcode Syntax Dictionary
	@test -n "$(DICTIONARY)" || { echo "say which: make gs1-table DICTIONARY=path/gs1-syntax-dictionary.txt" >&2; exit 64; }
	@mkdir -p .build
	Tools/gs1-table "$(DICTIONARY)" > .build/SyntaxTable.swift
	mv .build/SyntaxTable.swift Sources/GS1/SyntaxTable.swift

.PHONY: fuzz
fuzz: ## the GS1 readers under libFuzzer and the address sanitizer; FUZZ_SECONDS=600
	@mkdir -p .build-fuzz/corpus
	swiftc -O -sanitize=fuzzer,address -use-ld=lld -parse-as-library -swift-version 6 -module-name GS1Fuzzer \
	  Sources/GS1/*.swift Tools/gs1-fuzz/GS1Fuzzer.swift -o .build-fuzz/gs1-fuzzer
	cd .build-fuzz && ./gs1-fuzzer -max_len=10240 -timeout=5 -print_final_stats=1 \
	  -max_total_time=$(FUZZ_SECONDS) corpus ../Tools/gs1-fuzz/seeds

.PHONY: fuzz-devices
fuzz-devices: ## the decoders of scanners under libFuzzer and the address sanitizer; FUZZ_SECONDS=600
	@mkdir -p .build-fuzz/corpus-devices
	swiftc -O -parse-as-library -swift-version 6 -module-name Line -emit-module -emit-module-path .build-fuzz/Line.swiftmodule \
	  -c Sources/Line/Instant.swift -o .build-fuzz/Line.o
	swiftc -O -sanitize=fuzzer,address -use-ld=lld -parse-as-library -swift-version 6 -module-name DevicesFuzzer -I .build-fuzz \
	  -enable-upcoming-feature InternalImportsByDefault \
	  Sources/Devices/{Framer,HIDReportDescriptor,HIDPOSDecoder,KeyboardLayout,KeyboardDecoder}.swift \
	  Tools/devices-fuzz/DevicesFuzzer.swift .build-fuzz/Line.o -o .build-fuzz/devices-fuzzer
	cd .build-fuzz && ./devices-fuzzer -max_len=5000 -timeout=5 -print_final_stats=1 \
	  -max_total_time=$(FUZZ_SECONDS) corpus-devices ../Tools/devices-fuzz/seeds

.PHONY: nspawn-test
nspawn-test: packages ## the installed service under real systemd, in a container; needs root
	Tests/system/nspawn-test

.PHONY: umockdev-test
umockdev-test: build ## a HID POS scanner under the daemon, played by umockdev; needs root
	Tests/system/umockdev-test --programs $(DEBUG) || [ $$? = 77 ]

.PHONY: vm-test
vm-test: packages ## the installed service in a virtual machine, with USB scanners that come and go; needs root
	Tests/system/vm-test

.PHONY: web-test
web-test: build ## the web view in a headless Chromium, beside daemon and simulated line; writes docs/images
	@command -v chromium >/dev/null || $(MAKE) packages PACKAGES="chromium fonts-dejavu-core"
	Tests/system/web-test --programs $(DEBUG) --images docs/images

.PHONY: install
install: packages ## the programs and their files below DESTDIR
	$(call release-of,linewardd lineward lineward-auth linewardmanual)
	install -D -m 0755 $(RELEASE)/linewardd $(DESTDIR)$(PREFIX)/bin/linewardd
	install -D -m 0755 $(RELEASE)/lineward $(DESTDIR)$(PREFIX)/bin/lineward
	install -D -m 0755 $(RELEASE)/lineward-auth $(DESTDIR)$(PREFIX)/libexec/lineward-auth
	install -d $(DESTDIR)$(PREFIX)/share/doc/lineward
	$(MAKE) install-manual
	$(RELEASE)/linewardd --print-sample-config > $(DESTDIR)$(PREFIX)/share/doc/lineward/lineward.toml
	test -e $(DESTDIR)$(ETC)/lineward/lineward.toml \
	  || install -D -m 0644 $(DESTDIR)$(PREFIX)/share/doc/lineward/lineward.toml $(DESTDIR)$(ETC)/lineward/lineward.toml
	$(MAKE) install-files

# What the programs say of themselves: manual pages, and completions for three shells.
SHARE = $(DESTDIR)$(PREFIX)/share
.PHONY: install-manual
install-manual:
	install -d $(SHARE)/man/man1 $(SHARE)/man/man8 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
	  $(SHARE)/fish/vendor_completions.d
	version=$$($(RELEASE)/lineward --version | sed 's/^lineward //') && for page in lineward.1 linewardd.8; do \
	  $(RELEASE)/$${page%.*} --experimental-dump-help | $(RELEASE)/linewardmanual $${page#*.} "$$version" \
	    > $(SHARE)/man/man$${page#*.}/$$page || exit 1; done
	$(RELEASE)/lineward --generate-completion-script bash > $(SHARE)/bash-completion/completions/lineward
	$(RELEASE)/lineward --generate-completion-script zsh > $(SHARE)/zsh/site-functions/_lineward
	$(RELEASE)/lineward --generate-completion-script fish > $(SHARE)/fish/vendor_completions.d/lineward.fish

.PHONY: manual
manual: build ## the manual pages and completions, as man and the shells read them
	Tests/system/check-manual $(DEBUG)

# What needs no build; the units are checked from here. Units name the programs and the configuration by PREFIX.
.PHONY: install-files
install-files:
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in lineward.service lineward.socket lineward-auth.service lineward-auth.socket; do \
	  sed 's|/usr/bin/lineward|$(PREFIX)/bin/lineward|; s|/usr/libexec|$(PREFIX)/libexec|; s|/etc/lineward|$(ETC)/lineward|; s|/usr/share|$(PREFIX)/share|' \
	    systemd/$$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; done
	install -D -m 0644 systemd/lineward.pam $(DESTDIR)$(ETC)/pam.d/lineward
	install -D -m 0644 systemd/lineward.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/lineward.conf
	install -D -m 0644 systemd/lineward.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/lineward.conf
	install -D -m 0644 systemd/70-lineward.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/70-lineward.rules
	install -D -m 0644 systemd/lineward.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/lineward.catalog
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/lineward/scanners config/scanners/*.toml
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/doc/lineward docs/*.md
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/doc/lineward/images docs/images/*.png
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/lineward/keyboards config/keyboards/*.toml

.PHONY: clean
clean: ## forget all builds
	rm -rf .build .build-tsan .build-fuzz

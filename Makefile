# jailkeeper: build, try, test, package, install. "make help" lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PREFIX ?= /usr/local
DESTDIR ?=

# Under sudo the caller's own Rust toolchain serves: root has seldom one.
CALLER_HOME := $(shell getent passwd "$${SUDO_USER:-$$(id -un)}" | cut -d: -f6)
CARGO := $(or $(CARGO),$(shell command -v cargo),$(firstword $(wildcard $(CALLER_HOME)/.cargo/bin/cargo /root/.cargo/bin/cargo /usr/local/cargo/bin/cargo)),cargo)
ifneq ($(dir $(CARGO)),./)
export PATH := $(PATH):$(patsubst %/,%,$(dir $(CARGO)))
endif
ifneq ($(wildcard $(CALLER_HOME)/.rustup),)
export RUSTUP_HOME ?= $(CALLER_HOME)/.rustup
endif
# Without HOME cargo finds no place for the sources of the dependencies.
export HOME ?= $(CALLER_HOME)

TARGET := $(or $(CARGO_TARGET_DIR),target)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# The same sources are the same programs, wherever they are built: without the paths of this machine.
CARGO_PLACE := $(or $(CARGO_HOME),$(CALLER_HOME)/.cargo)
BLANK := $(subst ,, )
SEPARATOR := $(shell printf '\037')
# A path may have blanks, at which RUSTFLAGS would be split.
FLAGS := $(subst $(BLANK),$(SEPARATOR),$(strip $(RUSTFLAGS)))$(if $(RUSTFLAGS),$(SEPARATOR))$\
	--remap-path-prefix=$(CARGO_PLACE)=cargo$(SEPARATOR)--remap-path-prefix=$(CURDIR)=.$(SEPARATOR)$\
	--remap-path-prefix=$(if $(filter /%,$(TARGET)),,$(CURDIR)/)$(TARGET)=target
# And the same packages, whenever they are made: as if at the time of the changelog's last entry.
CHANGED := $(shell sed -n 's/^ -- .*>  //p' packaging/debian/changelog | head -n 1)
SOURCE_DATE_EPOCH ?= $(shell date -d '$(CHANGED)' +%s)
export SOURCE_DATE_EPOCH

# The packaging programs are built once, outside of the tree.
CACHE := $(or $(XDG_CACHE_HOME),$(if $(filter 0,$(shell id -u)),/var/cache,$(CALLER_HOME)/.cache))/jailkeeper-build
CARGO_DEB_VERSION := 3.8.0
CARGO_GENERATE_RPM_VERSION := 0.21.1
CARGO_DENY_VERSION := 0.20.2
CARGO_DEB := $(CACHE)/cargo-deb-$(CARGO_DEB_VERSION)/bin/cargo-deb
CARGO_GENERATE_RPM := $(CACHE)/cargo-generate-rpm-$(CARGO_GENERATE_RPM_VERSION)/bin/cargo-generate-rpm

CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

MAN := man/jailkeeper.1 man/jailkeeperd.8 man/jailkeeper.toml.5 man/jailkeeper-filters.7
SCRIPTS := .ci/run fuzz/rustc $(addprefix packaging/,deps demo.sh audit check-deb check-rpm \
	check-repeatable check-reproducible \
	debian/postinst debian/prerm debian/postrm rpm/post rpm/preun rpm/postun)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: deps
deps: ## install what the build and the demo need, where it is missing (root)
	@packaging/deps build

.PHONY: test-deps
test-deps: ## install what the tests need beyond that, where it is missing (root)
	@packaging/deps test

.PHONY: build
build: ## build both programs, optimised
	CARGO_ENCODED_RUSTFLAGS='$(FLAGS)' $(CARGO) build --release --locked

.PHONY: demo
demo: deps build ## watch an attack and the ban in a throwaway place (root)
	@packaging/demo.sh $(TARGET)/release

# What fails fast comes first.
.PHONY: test
test: deps test-deps ## run every test (root)
	$(MAKE) lint
	$(MAKE) check-packages
	JAILKEEPER_DEB="$$(realpath $(TARGET)/debian/*.deb)" $(CARGO) test --locked

# What each test has come to is told at the end, for RELIABILITY.md. Those that only reckon do so
# optimised.
RECKONING := simulation unbreakable::slow_lines unbreakable::injection unbreakable::day
.PHONY: soak
soak: deps test-deps deb ## run the long forms of the tests in RELIABILITY.md, for hours (root)
	JAILKEEPER_SCHEDULES=2000000 JAILKEEPER_SOAK=1 \
		$(CARGO) test --release --locked --lib --test jailkeeper -- --nocapture $(RECKONING) \
		2>&1 | tee $(TARGET)/soak.log
	JAILKEEPER_SOAK=1 JAILKEEPER_DEB="$$(realpath $(TARGET)/debian/*.deb)" \
		$(CARGO) test --locked --test jailkeeper -- --nocapture unbreakable $(RECKONING:%=--skip %) \
		2>&1 | tee -a $(TARGET)/soak.log
	@grep '^figure: ' $(TARGET)/soak.log | cut -d ' ' -f 2- | sort

.PHONY: lint
lint: $(CARGO_DENY) ## check the format, the code, the dependencies, the manual pages and the scripts
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml > /dev/null
	mandoc -T lint -W warning $(MAN)
	shellcheck $(SCRIPTS)
	shellcheck --shell=bash --exclude=SC1090,SC2034,SC2154 packaging/completions/jailkeeper.bash
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources
	packaging/audit $(CARGO_DENY) || test $$? -eq 75

# As "make lint" does it, but for the case that the list of them cannot be fetched.
.PHONY: audit
audit: $(CARGO_DENY) ## look for known vulnerabilities in the dependencies (network)
	packaging/audit $(CARGO_DENY)

# The synopsis, the verbs and the options of jailkeeper(1) are what the program's own arguments say
# (src/cli); all else stands in man/jailkeeper.1.in. jailkeeper-filters(7) is what the filters say.
.PHONY: man
man: ## write the manual pages jailkeeper(1) and jailkeeper-filters(7) anew
	JAILKEEPER_WRITE_MANUAL=1 $(CARGO) test --locked --quiet --test jailkeeper manual::

# What the service of this tree leaves behind, for every later one to take over (tests/releases). Once
# before each release, and never for one that is out.
.PHONY: release-state
release-state: ## keep what this version leaves behind, in tests/releases (root)
	JAILKEEPER_WRITE_RELEASE=1 $(CARGO) test --locked --test jailkeeper -- \
		of_every_release_is_read_whole of_every_release_still_means_the_same

# The targets, and how long each.
FUZZ ?= arguments bans dates dialect import line log netlink pattern rules state
SECONDS ?= 60
FUZZ_DIR := $(TARGET)/fuzz

# What one run has found, the next begins with. An input that fails is kept beside it. Some targets
# make a file for each input, in memory.
.PHONY: fuzz
fuzz: ## feed everything that reads what others write at random; FUZZ=line SECONDS=3600
	RUSTC_WRAPPER='$(CURDIR)/fuzz/rustc' $(CARGO) build --release --locked \
		--manifest-path fuzz/Cargo.toml --target-dir $(FUZZ_DIR)
	for target in $(FUZZ); do \
		mkdir -p $(FUZZ_DIR)/corpus/$$target; \
		TMPDIR=/dev/shm $(FUZZ_DIR)/release/$$target $(FUZZ_DIR)/corpus/$$target fuzz/seeds/$$target \
			-dict=fuzz/dictionaries/$$target.dict -artifact_prefix=$(FUZZ_DIR)/$$target- \
			-max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
			-print_final_stats=1; \
	done

# Beside others and beside the floor (benches/goals): which parts, if not all of them.
PARTS ?=
GOALS := $(CARGO) bench --locked --bench goals -- --cache $(CACHE)/bench

.PHONY: bench
bench: deps bench-deps ## measure every goal, for an hour, into benches/RESULTS.md (root); PARTS="offline journal"
	$(GOALS) --results '$(CURDIR)/benches/RESULTS.md' $(PARTS)

.PHONY: bench-quick
bench-quick: deps bench-deps ## the same with less of everything, in three minutes, printed only (root)
	$(GOALS) --quick $(PARTS)

.PHONY: bench-deps
bench-deps:
	@packaging/deps bench

.PHONY: deb
deb: deps build $(CARGO_DEB) ## make the Debian package, in target/debian
	rm -f $(TARGET)/debian/*.deb
	$(CARGO_DEB) --no-build --strip --locked

.PHONY: rpm
rpm: deps build $(CARGO_GENERATE_RPM) ## make the RPM package, in target/generate-rpm
	rm -f $(TARGET)/generate-rpm/*.rpm
	$(CARGO_GENERATE_RPM) --target-dir $(TARGET)

.PHONY: check-packages
check-packages: deb rpm ## check both packages
	packaging/check-deb $(TARGET)/debian/*.deb
	packaging/check-rpm $(TARGET)/generate-rpm/*.rpm
	packaging/check-repeatable $(TARGET) $(CARGO_DEB) $(CARGO_GENERATE_RPM)

# Takes as long as two builds from scratch.
.PHONY: check-reproducible
check-reproducible: deps $(CARGO_DEB) $(CARGO_GENERATE_RPM) ## build both packages twice, which must give the same bytes
	packaging/check-reproducible

$(CARGO_DEB):
	$(call install-program,cargo-deb,$(CARGO_DEB_VERSION))

$(CARGO_GENERATE_RPM):
	$(call install-program,cargo-generate-rpm,$(CARGO_GENERATE_RPM_VERSION))

$(CARGO_DENY):
	$(call install-program,cargo-deny,$(CARGO_DENY_VERSION))

# These run for a second now and then: quick to build matters more than quick to run.
define install-program
	CARGO_TARGET_DIR=$(CACHE)/target CARGO_PROFILE_RELEASE_LTO=false \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
	$(CARGO) install --locked --root $(CACHE)/$(1)-$(2) --version $(2) $(1)
endef

# Everything goes below PREFIX, but for what is sought in one place only: the stock jails and
# filters in /usr/lib/jailkeeper, the D-Bus policy, and polkit's actions.
install: ## install below DESTDIR and PREFIX (/usr/local), after "make build"
	install -D -m 755 $(TARGET)/release/jailkeeperd $(DESTDIR)$(PREFIX)/sbin/jailkeeperd
	install -D -m 755 $(TARGET)/release/jailkeeper $(DESTDIR)$(PREFIX)/bin/jailkeeper
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed "s|/usr/sbin/jailkeeperd|$(PREFIX)/sbin/jailkeeperd|g; s|/usr/bin/jailkeeper|$(PREFIX)/bin/jailkeeper|g" units/jailkeeper.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/jailkeeper.service
	install -D -m 644 units/jailkeeper.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/jailkeeper.conf
	install -D -m 644 packaging/jailkeeper.catalog \
		$(DESTDIR)$(PREFIX)/lib/systemd/catalog/jailkeeper.catalog
	install -D -m 644 packaging/dbus/org.jailkeeper1.conf \
		$(DESTDIR)/usr/share/dbus-1/system.d/org.jailkeeper1.conf
	install -D -m 644 packaging/polkit/org.jailkeeper1.policy \
		$(DESTDIR)/usr/share/polkit-1/actions/org.jailkeeper1.policy
	install -D -m 644 -t $(DESTDIR)/usr/lib/jailkeeper/jails.d packaging/jailkeeper/jails.d/*.toml
	install -D -m 644 -t $(DESTDIR)/usr/lib/jailkeeper/filters.d packaging/jailkeeper/filters.d/*.toml
	for page in $(MAN); do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done
	install -D -m 644 packaging/completions/jailkeeper.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/jailkeeper
	install -D -m 644 packaging/completions/_jailkeeper \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_jailkeeper
	install -D -m 644 packaging/completions/jailkeeper.fish \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/jailkeeper.fish
	install -d $(DESTDIR)/etc/jailkeeper/jails.d $(DESTDIR)/etc/jailkeeper/filters.d
	test -e $(DESTDIR)/etc/jailkeeper/jailkeeper.toml || \
		install -m 644 packaging/etc/jailkeeper.toml $(DESTDIR)/etc/jailkeeper/jailkeeper.toml
ifeq ($(DESTDIR),)
	systemd-sysusers $(PREFIX)/lib/sysusers.d/jailkeeper.conf
	journalctl --update-catalog
	if test -d /run/systemd/system; then \
		systemctl daemon-reload; \
		systemctl try-reload-or-restart dbus.service; \
		systemctl try-restart jailkeeper.service; \
	fi
	@echo 'Installed. To start it, now and at every boot: systemctl enable --now jailkeeper'
endif
.PHONY: install

.PHONY: uninstall
uninstall: ## remove what "install" has installed; settings and state stay
ifeq ($(DESTDIR),)
	if test -d /run/systemd/system; then systemctl disable --now jailkeeper.service || true; fi
endif
	rm -f $(DESTDIR)$(PREFIX)/sbin/jailkeeperd $(DESTDIR)$(PREFIX)/bin/jailkeeper
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/jailkeeper.service
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/jailkeeper.conf
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/catalog/jailkeeper.catalog
	rm -f $(DESTDIR)/usr/share/dbus-1/system.d/org.jailkeeper1.conf
	rm -f $(DESTDIR)/usr/share/polkit-1/actions/org.jailkeeper1.policy
	rm -rf $(DESTDIR)/usr/lib/jailkeeper
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/jailkeeper
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_jailkeeper
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/jailkeeper.fish
	for page in $(MAN); do \
		rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done
ifeq ($(DESTDIR),)
	journalctl --update-catalog
	if test -d /run/systemd/system; then systemctl daemon-reload; fi
	@echo 'Removed. /etc/jailkeeper, /var/lib/jailkeeper and the user jailkeeper are still there.'
endif

.PHONY: clean
clean: ## remove what the build has made
	$(CARGO) clean

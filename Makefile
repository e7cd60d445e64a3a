# SPDX-License-Identifier: GPL-3.0-or-later
#
# flowctl: `make` builds build/flowctl, `make check` tests it, `make help` lists the rest.
#
# Nothing here names a source file: lib/*/*.c make libflowctl.a and libflowctl.so, cmd/*.c make flowctl, every
# test/unit_*.c, test/contract_*.c, test/density_*.c, test/fuzz_*.c and test/bench/bench_*.c is a program. Each way of
# compiling ("variant") has its own folder and is built from the same rules, so that one run of make may build several:
#
#     release      build/              float                    double       build/double/        -DFLOW_DOUBLE
#     asan         build/asan/         float, sanitizers        asan-double  build/asan-double/   double, sanitizers
#     fuzz         build/fuzz/         float, sanitizers, libFuzzer (clang)
#     tsan         build/tsan/         float, the thread sanitizer

VERSION := 0.2.0

# ---- what you may set on the command line ---------------------------------------------------------------------------
# The compiler: gcc unless you name one (make's built-in default is "cc").
ifeq ($(origin CC),default)
CC := gcc
endif
FUZZ_CC ?= clang
PRECISION ?= float
OPTIMIZE ?= -O3
CFLAGS ?= -g
CPPFLAGS ?=
LDFLAGS ?=
# SETUP=no keeps check and demo from installing packages: they say what is missing and stop.
SETUP ?= yes
# XSMM=no multiplies matrices with CBLAS although libxsmm is installed.
XSMM ?= yes
# ZSTD=no reads no files that are compressed with zstd although libzstd is installed.
ZSTD ?= yes
# MPI=yes makes and installs flowctl-mpi as well, which runs as several processes (docs/scaling.md).
MPI ?= no
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
FUZZ_SECONDS ?= 30
# Inputs of each fuzz target, in place of seconds: FUZZ_RUNS=10000000
FUZZ_RUNS ?=
# What "faults" and "kills" do: every n-th call of the system, and so many kills.
FAULT_STEP ?= 1
KILLS ?= 1000
# A Python with the libraries that bench-peers compares with.
PYTHON ?= python3
# The scripts that call make again get its name; $(MAKE) itself in a recipe would run it even for make -n.
SELF := $(MAKE)
# V=1 shows the commands.
V ?= 0

# Makefiles that are included are made even by make -n; then nothing may be installed or written.
DRY_RUN := $(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS))))

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

ifeq ($(V),0)
say = @printf '  %-5s %s\n' '$(1)' '$(2)';
else
say =
endif

.PHONY: all
ifeq ($(PRECISION),float)
BUILT := build
else ifeq ($(PRECISION),double)
BUILT := build/double
else
$(error PRECISION is "$(PRECISION)"; it can be float or double)
endif
# The shared library. The number behind .so changes when programs that were linked with it have to be linked anew. Its
# objects are compiled a second time: position-independent code would cost the program a little of its speed.
SHARED := libflowctl.so
SONAME := $(SHARED).0
SHARED_FILE := $(SHARED).$(VERSION)
# Only ELF systems have it; elsewhere there is the static library.
ifeq ($(shell uname -s),Darwin)
SHARED :=
endif
PROGRAMS := $(BUILT)/flowctl $(if $(filter yes,$(MPI)),$(BUILT)/flowctl-mpi)
all: $(PROGRAMS) $(BUILT)/libflowctl.a $(SHARED:%=$(BUILT)/%) $(BUILT)/share/made

# ---- libraries ------------------------------------------------------------------------------------------------------
# scripts/probe.sh looks for them once and writes down how to use them. The goals check and demo install what is
# missing, after saying so; every other goal stops with one sentence.
GOALS := $(or $(MAKECMDGOALS),all)
NO_LIBRARIES := help clean distclean setup uninstall
ifneq ($(DRY_RUN),)
-include $(wildcard build/config.mk)
else ifneq ($(filter-out $(NO_LIBRARIES),$(GOALS)),)
include build/config.mk
ifneq ($(CONFIG_CC),$(CC))
build/config.mk: FORCE
endif
# MPI may have come since.
ifeq ($(filter yes,$(MPI))$(CONFIG_MPI),yesno)
ifneq ($(MAKE_RESTARTS),)
$(error MPI=yes needs an MPI library with mpicc: scripts/setup.sh --mpi installs Open MPI)
endif
build/config.mk: FORCE
endif
ifneq ($(filter check demo,$(GOALS)),)
include build/setup.mk
build/config.mk: | build/setup.mk
endif
endif

ifeq ($(DRY_RUN),)
build/config.mk: scripts/probe.sh
	@mkdir -p build
	@CC='$(CC)' scripts/probe.sh >$@

# Runs every time (it takes a fraction of a second when nothing is missing); the file changes only when setup.sh
# installed something and removed it, which makes make look at the libraries anew.
build/setup.mk: FORCE
	@CC='$(CC)' SETUP='$(SETUP)' WAIT=10 scripts/setup.sh
	@mkdir -p build && { [ -e $@ ] || : >$@; }
endif

# ---- sources --------------------------------------------------------------------------------------------------------
# What flowctl-mpi has in place of comm_single.c. It is linked before the library, so that the linker finds no need for
# the other one there.
MPI_SOURCE := lib/num/comm_mpi.c
LIB_SOURCES := $(filter-out $(MPI_SOURCE),$(sort $(wildcard lib/*/*.c lib/*/*/*.c)))
CMD_SOURCES := $(sort $(wildcard cmd/*.c))
UNIT := $(patsubst %.c,%,$(sort $(wildcard test/unit_*.c)))
CONTRACT := $(patsubst %.c,%,$(sort $(wildcard test/contract_*.c)))
DENSITY := $(patsubst %.c,%,$(sort $(wildcard test/density_*.c)))
FUZZ := $(patsubst %.c,%,$(sort $(wildcard test/fuzz_*.c)))
FAULT := $(patsubst %.c,%,$(sort $(wildcard test/fault_*.c)))
BENCH := $(patsubst %.c,%,$(sort $(wildcard test/bench/bench_*.c)))
BATS := $(sort $(wildcard test/cli_*.bats))
# Those of several processes; test/mpi_*.c are programs for them.
MPI_BATS := $(sort $(wildcard test/mpi_*.bats))
MPI_PROGRAMS := $(patsubst %.c,build/%-mpi,$(sort $(wildcard test/mpi_*.c)) test/unit_comm.c test/unit_tree_sum.c)
PAGES_SOURCES := $(sort $(wildcard pages/*.c))
PROGRAM_SOURCES := $(wildcard test/*.c test/bench/*.c data/generate.c) $(PAGES_SOURCES)
# Every other C file in test/ is shared by the programs there, every other one in test/bench/ by the benchmarks.
TEST_SUPPORT := $(filter-out $(addsuffix .c,$(UNIT) $(CONTRACT) $(DENSITY) $(FUZZ) $(FAULT)) test/install_example.c \
                             $(wildcard test/mpi_*.c),$(sort $(wildcard test/*.c)))
BENCH_SUPPORT := $(filter-out $(BENCH:%=%.c),$(sort $(wildcard test/bench/*.c)))

# Shared libraries for the objective reverse_kl: examples, and what tests of it load.
DENSITIES := $(patsubst configs/densities/%.c,build/densities/%.so,$(sort $(wildcard configs/densities/*.c))) \
             $(patsubst test/densities/%.c,build/densities/test/%.so,$(sort $(wildcard test/densities/*.c)))

# Preloaded into the program, it lets calls of the system fail (scripts/faults.sh).
FAULT_CALLS := $(if $(SHARED),build/faults/calls.so)

# ---- flags ----------------------------------------------------------------------------------------------------------
# No -march and no -ffast-math: the binary runs on every machine, and NaN stays NaN. The files below hold the same
# kernels for wider vectors; the program picks one when it starts.
# Products and sums are not fused, so that all instruction sets and compilers compute the same (gcc's choice for C11).
# _GNU_SOURCE makes all functions of the system visible that -std=c11 hides; no source file defines such a macro itself.
STANDARD_FLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wshadow -pthread -fno-math-errno -fno-trapping-math \
                  -ffp-contract=off -fvisibility=hidden -Ilib
ifeq ($(CONFIG_X86_64),yes)
FLAGS_lib/num/vecmath_avx2 := -mavx2 -mfma -ffp-contract=fast
FLAGS_lib/num/vecmath_avx512 := -mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -ffp-contract=fast
FLAGS_lib/num/row_products_avx2 := $(FLAGS_lib/num/vecmath_avx2)
FLAGS_lib/num/row_products_avx512 := $(FLAGS_lib/num/vecmath_avx512)
endif
ifeq ($(CONFIG_AMX),yes)
FLAGS_lib/num/gemm_bf16x3_amx := -mavx512f -mavx512bw -mavx512bf16 -mamx-tile -mamx-bf16
endif
# Every 64-bit ARM fuses products and sums.
ifeq ($(CONFIG_ARM64),yes)
FLAGS_lib/num/vecmath_base := -ffp-contract=fast
FLAGS_lib/num/row_products_base := $(FLAGS_lib/num/vecmath_base)
# gcc 12.2 for ARM stops with an internal error where it vectorizes sums of these files, and thinks of a spline without
# rows in another.
ifneq ($(findstring gcc,$(CONFIG_COMPILER)),)
$(foreach f,flow/base/mixture flow/block/householder run/plot_calibration,\
    $(eval FLAGS_lib/$f := -fno-tree-loop-vectorize))
FLAGS_lib/num/spline := -Wno-maybe-uninitialized
endif
endif
LIBRARY_FLAGS = $(CONFIG_CFLAGS)
# With the length of its vectors told, SVE is one more instruction set for the same sources.
ifeq ($(CONFIG_SVE),yes)
$(foreach n,256 512,$(foreach f,vecmath row_products,\
    $(eval FLAGS_lib/num/$f_sve$n := -march=armv8.2-a+sve -msve-vector-bits=$n -ffp-contract=fast)))
LIBRARY_FLAGS += -DFLOW_SVE
endif
LIBRARIES = $(CONFIG_LIBS)
ifeq ($(filter yes,$(XSMM))$(CONFIG_XSMM),yesyes)
LIBRARIES := $(CONFIG_XSMM_LIBS) $(LIBRARIES)
LIBRARY_FLAGS += $(CONFIG_XSMM_CFLAGS)
else
LIBRARY_FLAGS += -DFLOW_NO_XSMM
endif
ifeq ($(filter yes,$(ZSTD))$(CONFIG_ZSTD),yesyes)
LIBRARIES += $(CONFIG_ZSTD_LIBS)
LIBRARY_FLAGS += $(CONFIG_ZSTD_CFLAGS)
else
LIBRARY_FLAGS += -DFLOW_NO_ZSTD
endif
FLAGS_$(MPI_SOURCE:.c=) := $(CONFIG_MPI_CFLAGS)
TEST_FLAGS := -Icmd -Itest $(CONFIG_CMOCKA_CFLAGS)
FLAGS_OF = $(FLAGS_$(1)) $(if $(filter test/%,$(1)),$(TEST_FLAGS)) $(if $(filter pages/%,$(1)),-Icmd) \
           $(if $(filter $(1).c,$(VERSION_SOURCES)),-DFLOW_VERSION='"$(VERSION_STRING)"') \
           $(if $(filter $(1).c,$(FLAGS_SOURCES)),-DFLOW_FLAGS='"$(subst ",,$(subst ',,$(strip $(2))))"')

# The commit is part of the version, and only the sources that mention FLOW_VERSION are compiled anew for it.
GIT_VERSION := $(if $(wildcard .git),$(shell git describe --tags --match 'v[0-9]*' --always 2>/dev/null))
VERSION_STRING := $(if $(filter v%,$(GIT_VERSION)),$(GIT_VERSION:v%=%),$(VERSION)$(GIT_VERSION:%=-g%))
VERSION_SOURCES := $(if $(LIB_SOURCES)$(CMD_SOURCES),$(shell grep -lw FLOW_VERSION $(LIB_SOURCES) $(CMD_SOURCES)))

# Those that tell how the program was compiled.
FLAGS_SOURCES := $(if $(LIB_SOURCES),$(shell grep -lw FLOW_FLAGS $(LIB_SOURCES)))

# What test/fault_memory.c makes fail, and free() to see what is not freed.
FAULT_SYMBOLS := malloc calloc realloc aligned_alloc free realpath vasprintf newlocale pthread_create \
                 cJSON_ParseWithLengthOpts cJSON_ParseWithOpts cJSON_Parse

# Behind the command that compiles.
ifeq ($(CONFIG_IFUNC_NAMES),yes)
AND_RENAME = && scripts/ifunc_names.sh $@
endif

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

# variant: folder, compiler, flags for compiling, flags for compiling and linking
VARIANTS := release double asan asan-double fuzz tsan
DIR_release := build
DIR_double := build/double
DIR_asan := build/asan
DIR_asan-double := build/asan-double
DIR_fuzz := build/fuzz
DIR_tsan := build/tsan
CC_fuzz := $(FUZZ_CC)
CFLAGS_release := $(OPTIMIZE)
CFLAGS_double := $(OPTIMIZE) -DFLOW_DOUBLE
CFLAGS_asan := -O1
CFLAGS_asan-double := -O1 -DFLOW_DOUBLE
# Comparisons are not traced: that doubles the time of an input, and dictionaries have the words (scripts/fuzz.sh).
CFLAGS_fuzz := -O2 -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp
CFLAGS_tsan := -O1 -fno-omit-frame-pointer
MODE_asan := $(SANITIZE)
MODE_asan-double := $(SANITIZE)
MODE_fuzz := $(SANITIZE)
MODE_tsan := -fsanitize=thread

# A file whose time changes when its one line of content does: $(call stamp,content)
stamp = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(strip $(1)))' | cmp -s - $@ || \
        printf '%s\n' '$(subst ','\'',$(strip $(1)))' >$@

# The rules of one variant: $(1) its name, $(2) its folder, $(3) its compiler
define variant_rules
OBJECTS_$(1) := $(patsubst %.c,$(2)/obj/%.o,$(LIB_SOURCES))
PIC_$(1) := $(patsubst %.c,$(2)/pic/%.o,$(LIB_SOURCES))
COMMANDS_$(1) := $(patsubst %.c,$(2)/obj/%.o,$(filter-out cmd/flowctl.c,$(CMD_SOURCES)))
SUPPORT_$(1) := $(patsubst %.c,$(2)/obj/%.o,$(TEST_SUPPORT))

# Flags without names of folders, so that the same sources give the same program in any of them.
OWN_FLAGS_$(1) = $$(filter-out -ffile-prefix-map=% -fdebug-prefix-map=% -fmacro-prefix-map=%, \
                               $$(CFLAGS_$(1)) $$(MODE_$(1)) $$(CPPFLAGS) $$(CFLAGS))
COMPILE_$(1) = $(3) $$(STANDARD_FLAGS) $$(CFLAGS_$(1)) $$(MODE_$(1)) $$(LIBRARY_FLAGS) $$(CPPFLAGS) $$(CFLAGS)
LINK_$(1) = $(3) -pthread $$(MODE_$(1)) $$(CFLAGS) $$(LDFLAGS)

$(2)/flags: FORCE
	$$(call stamp,$$(COMPILE_$(1)) | $$(LINK_$(1)) | $$(LIBRARIES) | $$(TEST_FLAGS) | $$(CONFIG_COMPILER))

$(2)/sources: FORCE
	$$(call stamp,$(LIB_SOURCES) $(CMD_SOURCES) $(TEST_SUPPORT))

$(2)/obj/%.o: %.c $(2)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(COMPILE_$(1)) $$(call FLAGS_OF,$$*,$$(OWN_FLAGS_$(1))) -MMD -MP -c $$< -o $$@ $$(AND_RENAME)

# The same source with a main() that takes files: see "check".
$(2)/obj/test/replay_%.o: test/fuzz_%.c $(2)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(COMPILE_$(1)) $$(TEST_FLAGS) -DFLOW_FUZZ_REPLAY -MMD -MP -c $$< -o $$@

$(addprefix $(2)/obj/,$(VERSION_SOURCES:.c=.o)) $(addprefix $(2)/pic/,$(VERSION_SOURCES:.c=.o)): build/version

$(2)/libflowctl.a: $$(OBJECTS_$(1)) $(2)/sources
	$$(call say,AR,$$@)rm -f $$@ && ar rcs $$@ $$(OBJECTS_$(1))

$(2)/pic/%.o: %.c $(2)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(COMPILE_$(1)) -fPIC $$(call FLAGS_OF,$$*,$$(OWN_FLAGS_$(1))) -MMD -MP -c $$< \
	    -o $$@ $$(AND_RENAME)

$(2)/$(SHARED_FILE): $$(PIC_$(1)) $(2)/sources build/libflowctl.map
	$$(call say,LINK,$$@)$$(LINK_$(1)) -shared -Wl,-soname,$(SONAME) -Wl,-z,defs \
	    -Wl,--version-script,build/libflowctl.map -o $$@ $$(PIC_$(1)) $$(LIBRARIES)

# The names that the loader and the linker look for.
$(2)/$(SHARED): $(2)/$(SHARED_FILE)
	@ln -sf $(SHARED_FILE) $(2)/$(SONAME)
	@ln -sf $(SONAME) $$@

# The commands without main(), so that a test can call the option parser.
$(2)/libcmd.a: $$(COMMANDS_$(1)) $$(SUPPORT_$(1)) $(2)/sources
	$$(call say,AR,$$@)rm -f $$@ && ar rcs $$@ $$(COMMANDS_$(1)) $$(SUPPORT_$(1))

$(2)/flowctl: $(2)/obj/cmd/flowctl.o $(2)/libcmd.a $(2)/libflowctl.a
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $(2)/obj/cmd/flowctl.o $(2)/libcmd.a $(2)/libflowctl.a $$(LIBRARIES)

$(2)/flowctl-mpi: $(2)/obj/cmd/flowctl.o $(2)/obj/$(MPI_SOURCE:.c=.o) $(2)/libcmd.a $(2)/libflowctl.a
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$^ $$(LIBRARIES) $$(CONFIG_MPI_LIBS)

$(2)/obj/$(MPI_SOURCE:.c=.o) $(2)/obj/test/comm_mpi.o: build/config.mk

# A test of what moves in pieces has small ones.
$(2)/obj/test/comm_mpi.o: $(MPI_SOURCE) $(2)/flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(COMPILE_$(1)) $$(CONFIG_MPI_CFLAGS) -DFLOW_COMM_PIECE=1000 -MMD -MP -c $$< -o $$@

$(2)/test/%-mpi: $(2)/obj/test/%.o $(2)/obj/test/comm_mpi.o $(2)/libcmd.a $(2)/libflowctl.a
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$^ $$(LIBRARIES) $$(CONFIG_CMOCKA_LIBS) $$(CONFIG_MPI_LIBS)

$(2)/test/bench/%-mpi: $(2)/obj/test/bench/%.o $(BENCH_SUPPORT:%.c=$(2)/obj/%.o) $(2)/obj/$(MPI_SOURCE:.c=.o) \
                       $(2)/libcmd.a $(2)/libflowctl.a
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$^ $$(LIBRARIES) $$(CONFIG_CMOCKA_LIBS) $$(CONFIG_MPI_LIBS)

$(2)/generate: $(2)/obj/data/generate.o $(2)/libflowctl.a
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$< $(2)/libflowctl.a $$(LIBRARIES)

# Man pages and completion, which are made by a program that has the tables of options.
$(2)/pages: $(PAGES_SOURCES:%.c=$(2)/obj/%.o) $(2)/libcmd.a $(2)/libflowctl.a
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$(filter %.o,$$^) $(2)/libcmd.a $(2)/libflowctl.a $$(LIBRARIES)

$(2)/share/made: $(2)/pages scripts/make_pages.sh scripts/markdown_man.awk docs/spec.md docs/commands.md \
                 $(wildcard pages/completion.*)
	$$(call say,PAGES,$(2)/share)scripts/make_pages.sh $(2)/pages $(2)/share $(VERSION) && touch $$@

$(2)/test/%: $(2)/obj/test/%.o $(2)/libcmd.a $(2)/libflowctl.a | $(DENSITIES)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$$(LINK_$(1)) $(if $(filter fuzz,$(1)),-fsanitize=fuzzer) -o $$@ $$< $(2)/libcmd.a \
	    $(2)/libflowctl.a $$(LIBRARIES) $$(CONFIG_CMOCKA_LIBS)

# The program with other functions for allocations: see test/fault_memory.c.
$(2)/fault/%: $(2)/%
	@mkdir -p $$(@D)
	$$(call say,COPY,$$@)objcopy $(foreach f,$(FAULT_SYMBOLS),--redefine-sym $f=fault_$f) \
	    --redefine-sym main=flowctl_main $$< $$@

$(FAULT:%=$(2)/%): $(2)/%: $(2)/obj/%.o $(2)/fault/obj/cmd/flowctl.o $(2)/fault/libcmd.a $(2)/fault/libflowctl.a | \
                   $(DENSITIES)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$(filter %.o %.a,$$^) $$(LIBRARIES) $$(CONFIG_CMOCKA_LIBS)

$(BENCH:%=$(2)/%): $(2)/test/bench/%: $(2)/obj/test/bench/%.o $(BENCH_SUPPORT:%.c=$(2)/obj/%.o) \
                      $(2)/libcmd.a $(2)/libflowctl.a
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$$(LINK_$(1)) -o $$@ $$(filter %.o,$$^) $(2)/libcmd.a $(2)/libflowctl.a $$(LIBRARIES) \
	    $$(CONFIG_CMOCKA_LIBS)

-include $(patsubst %.c,$(2)/obj/%.d,$(LIB_SOURCES) $(MPI_SOURCE) $(CMD_SOURCES) $(PROGRAM_SOURCES)) \
         $(2)/obj/test/comm_mpi.d \
         $(patsubst %.c,$(2)/pic/%.d,$(LIB_SOURCES)) \
         $(patsubst test/fuzz_%,$(2)/obj/test/replay_%.d,$(FUZZ))
endef
$(foreach v,$(VARIANTS),$(eval $(call variant_rules,$(v),$(DIR_$(v)),$(or $(CC_$(v)),$(CC)))))

# What the shared library shows: the functions that the header marks. Without the map it would also show what
# FLOW_MULTIVERSION compiles several times, and what comes with a static libxsmm.
build/libflowctl.map: lib/flowctl.h
	@mkdir -p $(@D)
	@{ echo '{ global:'; sed -n 's/^FLOW_API .*[ *]\(flow_[a-z0-9_]*\)(.*/    \1;/p' $<; echo 'local: *; };'; } >$@

# Shared libraries of their own, as a user would build one: any C compiler, one file, one public header.
COMPILE_DENSITY = $(CC) -std=c11 -Wall -Wextra -Wpedantic -O2 -fPIC -shared -Ilib
build/densities/%.so: configs/densities/%.c lib/density.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(COMPILE_DENSITY) $< -o $@ -lm
build/densities/test/%.so: test/densities/%.c lib/density.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(COMPILE_DENSITY) $< -o $@ -lm

build/faults/%.so: test/faults/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STANDARD_FLAGS) -fvisibility=default -O2 -g -fPIC -shared $< -o $@ -ldl

build/version: FORCE
	$(call stamp,$(VERSION_STRING))

# ---- goals ----------------------------------------------------------------------------------------------------------
.PHONY: FORCE release double asan check bench bench-peers cookbook results pictures plots docs demo densities \
        test-unit test-contract test-density test-cli test-mpi test-fuzz test-fault test-install \
        lint fuzz faults kills tsan data install uninstall deb setup clean help

RELEASE_TESTS := $(addprefix build/,$(UNIT) $(DENSITY))
DOUBLE_TESTS := $(addprefix build/double/,$(UNIT) $(CONTRACT))
ASAN_TESTS := $(addprefix build/asan/,$(UNIT))
ASAN_DOUBLE_TESTS := $(addprefix build/asan-double/,$(CONTRACT))
FAULT_TESTS := $(addprefix build/,$(FAULT))
TSAN_TESTS := $(addprefix build/tsan/test/unit_,num trainer flow run dataset read_ahead ensemble tune api image_step)
REPLAYS := $(patsubst test/fuzz_%,build/asan/test/replay_%,$(FUZZ))
# Tests of documents, pages and pipelines run what others run with the sanitizers, on more rows.
BATS_LONG := $(patsubst %,test/cli_%.bats,cookbook docs pages pipelines python)
BATS_RUNS := $(BATS:%=build/flowctl:%) $(patsubst %,build/asan/flowctl:%,$(filter-out $(BATS_LONG),$(BATS)))
MPI_RUNS := $(MPI_BATS:%=build/flowctl-mpi:%)
# Double, for a job of different programs.
MPI_TESTED := build/flowctl-mpi build/double/test/mpi_job-mpi $(MPI_PROGRAMS)
ifneq ($(CONFIG_MPI),yes)
MPI_RUNS :=
MPI_TESTED :=
endif
INSTALL_EXAMPLE := $(if $(wildcard test/install_example.c),scripts/check_install.sh) \
                   $(if $(shell command -v dpkg-shlibdeps),scripts/check_deb.sh)

##   all            the program, in float (the default) or with PRECISION=double
##   release double asan
##                  one way of compiling: float, double, or both with the address and undefined-behaviour sanitizers
release: build/flowctl build/libflowctl.a
double: build/double/flowctl build/double/libflowctl.a
asan: build/asan/flowctl build/asan-double/flowctl

##   check          every test, ends with "N passed, N failed"; installs missing packages (SETUP=no: names them)
check: release double asan build/generate build/share/made $(SHARED:%=build/%) $(RELEASE_TESTS) $(DOUBLE_TESTS) \
       $(ASAN_TESTS) $(ASAN_DOUBLE_TESTS) $(REPLAYS) $(FAULT_TESTS) $(FAULT_CALLS) $(addprefix build/,$(BENCH)) \
       $(MPI_TESTED)
	@MAKE='$(SELF)' CC='$(CC)' FAULT_STEP=47 scripts/run_tests.sh $(FAULT_CALLS:%=scripts/faults.sh) \
	    scripts/check_layers.sh $(SHARED:%=scripts/check_symbols.sh) \
	    scripts/check_kernels.sh scripts/check_extending.sh $(RELEASE_TESTS) $(DOUBLE_TESTS) $(ASAN_TESTS) \
	    $(ASAN_DOUBLE_TESTS) $(REPLAYS) $(FAULT_TESTS) $(MPI_RUNS) $(BATS_RUNS) $(INSTALL_EXAMPLE)

##   test-unit test-contract test-density test-cli test-mpi test-fuzz test-fault test-install
##                  one kind of test in its cheapest build
test-unit: $(addprefix build/,$(UNIT))
	@scripts/run_tests.sh $^
test-contract: $(addprefix build/double/,$(CONTRACT))
	@scripts/run_tests.sh $^
test-density: $(addprefix build/,$(DENSITY))
	@scripts/run_tests.sh $^
test-cli: build/flowctl build/share/made $(DENSITIES)
	@scripts/run_tests.sh $(BATS:%=build/flowctl:%)
test-mpi: $(MPI_TESTED) $(DENSITIES) $(FAULT_CALLS)
	@scripts/run_tests.sh $(MPI_RUNS)
test-fault: $(FAULT_TESTS)
	@scripts/run_tests.sh $^
test-fuzz: $(REPLAYS)
	@scripts/run_tests.sh $^
test-install: all
	@MAKE='$(SELF)' CC='$(CC)' scripts/run_tests.sh $(INSTALL_EXAMPLE)

##   bench          the benchmarks, one after the other
bench: release $(addprefix build/,$(BENCH))
	@set -e; for program in $(addprefix build/,$(BENCH)) scripts/bench_startup.sh; do \
	    printf '\n== %s\n' "$$program"; $$program; done

##   bench-peers    side by side with zuko, nflows, flowjax, normflows and PyTorch (scripts/bench_peers.py)
bench-peers: release build/test/bench/bench_workloads
	@$(PYTHON) scripts/bench_peers.py

##   cookbook       the recipes of docs/cookbook/ in full, with what they print and the numbers that they reach
cookbook: release
	@scripts/cookbook.sh

##   results        train the presets on real data, and print the table of docs/results.md
results: release
	@scripts/results.sh

##   pictures       train continuous flows on the 2-D sets, print their table of docs/results.md, and draw them
pictures: release build/generate
	@scripts/density.sh -p docs/pictures

##   plots          train small models, and draw the pictures of docs/plot.md
plots: release
	@scripts/plots.sh

##   docs           what the program knows about itself: configs/schema.json, docs/commands.md, tables of docs/spec.md
docs: release build/test/unit_docs
	build/flowctl check --schema >configs/schema.json
	scripts/print_commands.sh >docs/commands.md
	FLOW_WRITE_DOCS=yes build/test/unit_docs

##   demo           train a small flow, sample from it, evaluate it, invert it; installs packages as check does
demo: release
	@MAKE='$(SELF)' scripts/demo.sh

##   densities      the example densities in configs/densities/, for the objective reverse_kl
densities: $(filter-out build/densities/test/%,$(DENSITIES))

##   data           the example data sets in data/
data: build/generate
	build/generate data

##   lint           layering, text hygiene, shellcheck, clang-tidy, cppcheck
lint: release
	@MAKE='$(SELF)' scripts/lint.sh $(STANDARD_FLAGS) $(LIBRARY_FLAGS) $(CONFIG_MPI_CFLAGS) $(TEST_FLAGS) \
	    -DFLOW_VERSION='"$(VERSION)"'

##   fuzz           libFuzzer on each test/fuzz_*.c for FUZZ_SECONDS=30 or FUZZ_RUNS inputs, from test/corpus/
fuzz: $(addprefix build/fuzz/,$(FUZZ))
	@FUZZ_RUNS='$(FUZZ_RUNS)' scripts/fuzz.sh $(FUZZ_SECONDS) $^

##   faults         the commands while each call of the system fails in turn, every FAULT_STEP-th one
faults: release $(FAULT_CALLS)
	@FAULT_STEP=$(FAULT_STEP) scripts/faults.sh

##   kills          KILLS=1000 kills at random moments, each continued to the same result
kills: release
	@scripts/kills.sh $(KILLS)

##   tsan           the tests of the engine and of its threads with the thread sanitizer
tsan: build/tsan/flowctl $(TSAN_TESTS)
	@TSAN_OPTIONS="halt_on_error=0:exitcode=66" TEST_TIMEOUT=3600 \
	    scripts/run_tests.sh $(TSAN_TESTS) build/tsan/flowctl:test/cli_train.bats

##   install        into PREFIX=/usr/local (and DESTDIR); uninstall removes what it put there
bindir := $(DESTDIR)$(PREFIX)/bin
libdir := $(DESTDIR)$(LIBDIR)
includedir := $(DESTDIR)$(PREFIX)/include/flowctl
sharedir := $(DESTDIR)$(PREFIX)/share
datadir := $(sharedir)/flowctl
docdir := $(sharedir)/doc/flowctl
DOCUMENTS := $(wildcard README.md CHANGELOG.md SECURITY.md LICENSE CITATION.cff)

install: all
	install -d '$(bindir)' '$(libdir)/pkgconfig' '$(includedir)/core' '$(docdir)/configs'
	install -m 755 $(PROGRAMS) '$(bindir)'
	install -m 644 $(BUILT)/libflowctl.a '$(libdir)/libflowctl.a'
	$(if $(SHARED),install -m 644 $(BUILT)/$(SHARED_FILE) '$(libdir)/$(SHARED_FILE)')
	$(if $(SHARED),ln -sf $(SHARED_FILE) '$(libdir)/$(SONAME)' && ln -sf $(SONAME) '$(libdir)/$(SHARED)')
	install -m 644 lib/flowctl.h lib/density.h '$(includedir)'
	install -m 644 lib/core/status.h '$(includedir)/core/status.h'
	install -d '$(datadir)/slurm'
	install -m 644 scripts/experiment.mk '$(datadir)'
	install -m 755 scripts/experiment.sh '$(datadir)'
	install -m 755 scripts/slurm/*.sh '$(datadir)/slurm'
	install -m 644 $(DOCUMENTS) '$(docdir)'
	install -m 644 configs/schema.json '$(docdir)/configs/schema.json'
	cp -R docs '$(docdir)'
	install -d '$(datadir)/configs/densities'
	install -m 644 configs/*.json '$(datadir)/configs'
	install -m 644 configs/densities/*.c '$(datadir)/configs/densities'
	cd $(BUILT)/share && find . -type f ! -name made | while read -r file; do \
	    install -d '$(abspath $(sharedir))'/"$${file%/*}" && \
	    install -m 644 "$$file" '$(abspath $(sharedir))'/"$$file" || exit 1; done
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
	    -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LIBRARIES)|' flowctl.pc.in >'$(libdir)/pkgconfig/flowctl.pc'

uninstall:
	rm -f '$(bindir)/flowctl' '$(bindir)/flowctl-mpi' '$(libdir)/libflowctl.a' '$(libdir)/pkgconfig/flowctl.pc'
	rm -f '$(libdir)'/libflowctl.so '$(libdir)/$(SONAME)' '$(libdir)'/libflowctl.so.*.*
	rm -f '$(sharedir)'/man/man1/flowctl.1 '$(sharedir)'/man/man1/flowctl-*.1 '$(sharedir)'/man/man5/flowctl-spec.5
	rm -f '$(sharedir)/bash-completion/completions/flowctl' '$(sharedir)/zsh/site-functions/_flowctl'
	rm -f '$(sharedir)/fish/vendor_completions.d/flowctl.fish'
	rm -rf '$(includedir)' '$(datadir)' '$(docdir)'

##   deb            a Debian package in build/deb, of what install puts below /usr; DEB_MAINTAINER="Name <address>"
deb: all
	@[ $(BUILT) = build ] || { echo 'make deb packs the program in float: leave PRECISION out' >&2; exit 1; }
	@MAKE='$(SELF)' CC='$(CC)' scripts/make_deb.sh '$(subst -,+,$(VERSION_STRING))' build/deb

##   setup          install the libraries (scripts/setup.sh; --lint and --python add what lint and some tests need)
setup:
	@CC='$(CC)' scripts/setup.sh

##   clean          remove build/
clean:
	rm -rf build

##   help           this text
help:
	@printf 'make [goal] [VARIABLE=value]\n\n'
	@sed -n 's/^##//p' Makefile
	@printf '\n  CC=clang, OPTIMIZE=-O2, MPI=yes, XSMM=no, ZSTD=no, SETUP=no, V=1 and CFLAGS, CPPFLAGS, LDFLAGS have '
	@printf 'their usual meaning.\n'

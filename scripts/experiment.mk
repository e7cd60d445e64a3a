# SPDX-License-Identifier: GPL-3.0-or-later
#
# An experiment: many specs, their models, scores and one table, by GNU make. docs/pipelines.md explains it. A Makefile
# of two lines is enough:
#
#     TEST := data/test.csv
#     include /usr/local/share/flowctl/experiment.mk
#
# What a Makefile may set, before it includes this file, or on the command line:

# The program.
FLOWCTL ?= flowctl
# The specs. Their names without folder and .json are the names of the models, and differ.
CONFIGS ?= $(sort $(wildcard configs/*.json))
# Held-out rows that all models are scored and compared on; TEST_<name> are those of one model alone, which is then not
# in the table.
TEST ?=
# The folder for everything that is made.
RESULTS ?= results
# More options of the commands.
TRAIN_FLAGS ?=
SCORE_FLAGS ?=
DIAGNOSE_FLAGS ?=
COMPARE_FLAGS ?=
PLOT_FLAGS ?=
# Draws the figures; without it there are none.
GNUPLOT ?= $(shell command -v gnuplot)
# Processors that are divided among the jobs of make -j. Jobs of other programs may want some of them.
PROCESSORS ?= $(or $(SLURM_CPUS_PER_TASK),$(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN))

.DELETE_ON_ERROR:
.DEFAULT_GOAL := experiment
.PHONY: experiment models scores verdicts figures table clean-experiment experiment-changed

experiment_names := $(basename $(notdir $(CONFIGS)))
ifneq ($(words $(experiment_names)),$(words $(sort $(experiment_names))))
$(error two specs in CONFIGS have the same name; rename one: $(sort $(experiment_names)))
endif
ifeq ($(experiment_names),)
$(error CONFIGS names no specs: there is no configs/*.json)
endif

experiment_comma := ,
# $(call experiment_in,SUFFIX): that file of each model
experiment_in = $(experiment_names:%=$(RESULTS)/%$1)
# $(call experiment_test,NAME): the held-out rows of a model; experiment_files: the files of a location such as
# a.h5:/test,b.csv
experiment_test = $(or $(TEST_$1),$(TEST))
experiment_files = $(foreach part,$(subst $(experiment_comma), ,$1),$(firstword $(subst :, ,$(part))))
experiment_spec = $(filter $1.json %/$1.json,$(CONFIGS))
# The threads of a job: the processors divided by the jobs that may run. make -j without a number: one job a model.
experiment_jobs = $(firstword $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))) $(if $(filter -j,$(MAKEFLAGS)),0) 1)
experiment_threads = $$(jobs=$(experiment_jobs) models=$(words $(CONFIGS)); \
    [ $$jobs -gt 0 ] && [ $$jobs -lt $$models ] || [ $$jobs -eq 1 ] || jobs=$$models; \
    threads=$$(($(PROCESSORS) / jobs)); echo $$((threads > 0 ? threads : 1)))
# $(call experiment_make,WORD,NAME,COMMAND,STATUS): makes $@ of what the command prints, whole or not at all; STATUS is
# an exit status that is a success, too. A signal to make goes on to the command, which stops at the end of a step.
experiment_make = @printf '  %-8s %s\n' '$1' '$2'; trap 'kill -s TERM $$pid' HUP INT TERM; \
    $3 -j "$(experiment_threads)" >$@.part & pid=$$!; \
    while wait $$pid; status=$$?; kill -s 0 $$pid 2>/dev/null; do :; done; \
    case $$status in 0$(4:%=|%)) status=0; mv $@.part $@ ;; *) rm -f $@.part ;; esac

# The models with held-out rows, and those that are compared on the same ones.
experiment_tested := $(foreach name,$(experiment_names),$(if $(call experiment_test,$(name)),$(name)))
experiment_compared := $(if $(TEST),$(foreach name,$(experiment_names),$(if $(TEST_$(name)),,$(name))))

experiment: models scores verdicts figures table

models: $(call experiment_in,.train.json)
scores: $(experiment_tested:%=$(RESULTS)/%.test.json)
verdicts: $(if $(experiment_tested),$(RESULTS)/verdicts.txt)
ifneq ($(GNUPLOT),)
figures: $(call experiment_in,.png)
else
figures:
	@echo 'There are no figures: gnuplot is not installed.'
endif
table: $(if $(word 2,$(experiment_compared)),$(RESULTS)/table.md $(RESULTS)/table.csv)

# What each model depends on: its spec, the data that the spec names, and the options. A change of one of them ends what
# is there, and the training begins anew; otherwise one that was interrupted goes on where it was.
$(call experiment_in,.d): $(RESULTS)/%.d: | $(RESULTS)
	@$(FLOWCTL) check $(call experiment_spec,$*) --rule $(RESULTS)/$*.begun >$@.part && mv $@.part $@

$(call experiment_in,.begun): $(RESULTS)/%.begun: $(RESULTS)/%.d $(RESULTS)/%.flags
	@rm -f $(RESULTS)/$*.h5 $(RESULTS)/$*.train.json && : >$@

# One for each model: several machines may work in the folder at the same time.
$(call experiment_in,.flags): $(RESULTS)/%.flags: experiment-changed | $(RESULTS)
	@printf '%s\n' '$(subst ','\'',$(TRAIN_FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(TRAIN_FLAGS))' >$@

$(RESULTS):
	@mkdir -p $@

# The model is no target: make would remove one that is not finished. What training says is in NAME.log.
$(call experiment_in,.train.json): $(RESULTS)/%.train.json: $(RESULTS)/%.begun
	$(call experiment_make,train,$*,$(FLOWCTL) train $(call experiment_spec,$*) -o $(RESULTS)/$*.h5 --resume --json \
	    $(TRAIN_FLAGS) 2>>$(RESULTS)/$*.log); [ $$status -eq 0 ] || tail -n 1 $(RESULTS)/$*.log >&2; exit $$status

define experiment_of_a_model
$(RESULTS)/$1.d: $(call experiment_spec,$1)
$(foreach suffix,test.json verdict.json png,$(RESULTS)/$1.$(suffix)): $(call experiment_files,$(call experiment_test,$1))
endef
$(foreach name,$(experiment_names),$(eval $(call experiment_of_a_model,$(name))))

$(call experiment_in,.test.json): $(RESULTS)/%.test.json: $(RESULTS)/%.train.json
	$(call experiment_make,score,$*,$(FLOWCTL) logprob $(RESULTS)/$*.h5 $(call experiment_test,$*) --json -q \
	    $(SCORE_FLAGS)); exit $$status

# A model that is rejected (status 3) is a result.
$(call experiment_in,.verdict.json): $(RESULTS)/%.verdict.json: $(RESULTS)/%.train.json
	$(call experiment_make,diagnose,$*,$(FLOWCTL) diagnose $(RESULTS)/$*.h5 $(call experiment_test,$*) --json -q \
	    $(DIAGNOSE_FLAGS),3); exit $$status

# Draws beside the held-out rows; of a model without such rows, its training.
$(call experiment_in,.png): $(RESULTS)/%.png: $(RESULTS)/%.train.json
	@printf '  %-8s %s\n' plot '$*'; $(FLOWCTL) plot $(RESULTS)/$*.h5 $(call experiment_test,$*) -o $@ -f -q \
	    -j "$(experiment_threads)" $(PLOT_FLAGS) >/dev/null

$(RESULTS)/verdicts.txt: $(experiment_tested:%=$(RESULTS)/%.verdict.json)
	@for name in $(experiment_tested); do \
	    printf '%s\t%s\n' $$name "$$(sed 's/.*"verdict":"\([^"]*\)".*/\1/' $(RESULTS)/$$name.verdict.json)"; \
	done >$@ && cat $@

$(RESULTS)/table.md $(RESULTS)/table.csv: $(experiment_compared:%=$(RESULTS)/%.train.json) \
                                          $(call experiment_files,$(TEST))
	$(call experiment_make,compare,$@,$(FLOWCTL) compare $(experiment_compared:%=$(RESULTS)/%.h5) $(TEST) -q \
	    $(if $(filter %.csv,$@),--csv,--markdown) $(COMPARE_FLAGS)); exit $$status

clean-experiment:
	rm -f $(addprefix $(RESULTS)/,table.md table.csv verdicts.txt) \
	    $(foreach suffix,d begun flags h5 log train.json test.json verdict.json png,$(call experiment_in,.$(suffix)))
	-rmdir $(RESULTS)

# make clean-experiment and make -n make nothing.
ifeq ($(filter clean-experiment,$(MAKECMDGOALS))$(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS)))),)
-include $(call experiment_in,.d)
endif

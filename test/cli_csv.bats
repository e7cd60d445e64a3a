#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # what `run` and the helper set
#
# CSV of other programs on the command line: what is said of it, and what the user can say.

load cli_helper

setup() {
    enter_folder
    cat >spec.json <<'JSON'
{ "data": { "validation": 0.1 }, "flow": ["standardize", { "type": "maf", "repeat": 1, "hidden": [8] }],
  "train": { "epochs": 1 } }
JSON
}

# rows FORMAT : 200 rows, printed with their number and two values
rows() {
    awk -v format="$1" 'BEGIN {
        srand(3)
        for (i = 0; i < 200; i++)
            printf format "\n", i, rand() - 0.5, rand() + rand()
    }'
}

# pairs FORMAT : the same, without the number
pairs() {
    awk -v format="$1" 'BEGIN { srand(3); for (i = 0; i < 200; i++) printf format "\n", rand() - 0.5, rand() + rand() }'
}

@test "row numbers are left out by init and warned of by train" {
    { echo ",x,y"; rows "%d,%.17f,%.17f"; } >pandas.csv
    run -0 flowctl init pandas.csv
    [[ $output == *"left out "*"unnamed1 (numbers the rows)"* ]]
    run -0 flowctl train spec.json -d pandas.csv -o m.h5 -q
    [[ $output == *"numbers of the rows: unnamed1"* ]]
    { echo '"","x","y"'; rows '"%d",%.17f,%.17f'; } >r.csv
    run -0 flowctl init r.csv -f
    [[ $output == *"left out "*"unnamed1 (numbers the rows)"* ]]
    { echo '"x" "y"'; rows '"%d" %.17f %.17f'; } >table.txt
    run -0 flowctl init table.txt -f
    [[ $output == *"left out "*"unnamed1 (numbers the rows)"* ]]
}

@test "what is said of a file, by each command" {
    { echo "x;y"; pairs "%.17f;%.17f" | tr . ,; } >euro.csv
    said="its fields are separated by semicolons, and its decimals follow a comma"
    run -0 flowctl info euro.csv
    [[ $output == *"200 rows, 2 columns"*"$said"* ]]
    run -0 flowctl init euro.csv
    [[ $output == *"  file "*"its fields are separated by semicolons"* ]]
    run -0 flowctl train spec.json -d euro.csv -o m.h5 -q
    [ "$(grep -c "$said" <<<"$output")" -eq 1 ]
    run -0 flowctl logprob m.h5 euro.csv
    [[ $output == *"warning: euro.csv: $said"* ]]
    run -0 --separate-stderr flowctl invert m.h5 euro.csv -o z.csv
    [[ $stderr == *"$said"* ]]
    run -0 --separate-stderr flowctl invert m.h5 - -o z.csv <euro.csv
    [[ $stderr == *"standard input: $said"* ]]
    # told, it is not said
    for command in "logprob m.h5 euro.csv" "info euro.csv" "train spec.json -d euro.csv -o n.h5 -q"; do
        # shellcheck disable=SC2086
        run -0 flowctl $command --delimiter ';' --decimal ,
        [[ $output != *"$said"* ]]
    done
    run -0 flowctl info n.h5 --json
    [[ $output == *'"delimiter":";","decimal":","'* ]]
}

@test "options decide what the first rows do not" {
    { echo "x;y"; pairs "%.3f;%.3f" | tr . , | sed 's/-*0,/1,/g'; } >thousands.csv
    run -1 flowctl info thousands.csv
    [[ $output == *"have a decimal comma, or commas between their thousands"*"--decimal ,"* ]]
    run -0 flowctl init thousands.csv --decimal ,
    grep -q '"decimal": ","' thousands.json
    run -0 flowctl train thousands.json --set train.epochs=1 -q
    { echo "1990,1991"; pairs "%.17f,%.17f"; } >years.csv
    run -0 flowctl info years.csv
    [[ $output == *"201 rows, 2 columns without names"* ]]
    run -0 flowctl info years.csv --header yes
    [[ $output == *"200 rows, 2 columns,"* ]]
    run -0 flowctl train years.csv --header yes --minutes 0.01 -q
    grep -q '"header": "yes"' years.json
    run -2 flowctl info years.csv --decimal x
    [[ $output == *"--decimal: it can be . or ,"* ]]
    run -2 flowctl info years.csv --delimiter 1
    [[ $output == *"--delimiter: it can be one character that no number has"* ]]
    run -2 flowctl train spec.json -d years.csv --set 'data.header="maybe"'
    [[ $output == *"spec.json: data.header: it can be yes or no"* ]]
}

@test "names in a comment, whole numbers as names, truth values" {
    { echo "# made by sim, run 17"; echo "# E,theta"; pairs "%.17f,%.17f"; } >sim.csv
    run -0 flowctl train spec.json -d sim.csv -o m.h5 -q --skip-invalid
    [[ $output == *'the names of its columns are those of the comment "E,theta"'* ]]
    run -0 flowctl sample m.h5 -n 1
    [[ $output == "E,theta"* ]]
    { echo "0,1"; pairs "%.17f,%.17f"; } >counts.csv
    run -0 flowctl info counts.csv
    [[ $output == *"200 rows, 2 columns,"*"is taken for the names of the columns; if it is a row, say --header no"* ]]
    { echo "x,good"; pairs "%.17f,%.0f" | sed 's/,[02]$/,True/; s/,1$/,False/'; } >truth.csv
    run -0 flowctl train spec.json -d truth.csv -o t.h5 -q --context good
    [[ $output == *'True and False in the column "good" are read as 1 and 0'* ]]
}

@test "compressed data" {
    { echo "x,y"; pairs "%.17f,%.17f"; } >plain.csv
    gzip -k plain.csv
    run -0 flowctl info plain.csv.gz
    [[ $output == *"200 rows, 2 columns"* ]]
    run -0 flowctl train plain.csv.gz --minutes 0.01 -q
    [ -s plain.json ]
    run -0 flowctl logprob plain.h5 plain.csv.gz -o a.csv
    run -0 flowctl logprob plain.h5 - -o b.csv <plain.csv.gz
    cmp a.csv b.csv
    run -2 flowctl sample plain.h5 -o out.csv.gz
    [[ $output == *"compressed files are read and not written"* ]]
    { echo "x,y"; pairs "%.17f,%.17f" | awk '{ for (i = 0; i < 500; i++) print }'; } | gzip >large.csv.gz
    run -1 flowctl train spec.json -d large.csv.gz --set data.memory=0.001
    [[ $output == *"data.train: "*"large.csv.gz: is compressed"*"unpack the file, or set data.memory"* ]]
}

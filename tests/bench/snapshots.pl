#!/usr/bin/perl
# Print a snapshot list as proxmox-backup-client does: an array, shuffled.
#
# usage: snapshots.pl GROUPS PER_GROUP
#
# About 194 bytes a row: 1 % protected, 2 % unfinished, most verified. The seed is fixed,
# so two runs print the same.
use strict;
use warnings;
use List::Util qw(shuffle);

my ($groups, $per_group) = @ARGV;
srand 42;
my @kinds = ("vm", "ct", "host");
my $step = $per_group > 10_000 ? 600 : 86_400; # a million days would begin before the year 0
my @rows;
for my $group (0 .. $groups - 1) {
    my $kind = $kinds[$group % 3];
    my $id = $kind eq "host" ? "nas-$group.lan" : 100 + $group;
    my $time = 1_795_226_400 - int(rand 86_400);
    for my $n (0 .. $per_group - 1) {
        my $finished = rand() > 0.02;
        my $files = $finished
            ? '{"crypt-mode":"none","filename":"index.json.blob","size":512}'
            : '{"filename":"root.pxar.didx"}';
        my $protected = rand() < 0.01 ? "true" : "false";
        push @rows, qq({"backup-id":"$id","backup-time":$time,"backup-type":"$kind","files":[$files],"owner":"root\@pam","protected":$protected)
            . ($finished ? qq(,"size":34359739291}) : "}");
        # mostly one a step, at times two, at times a hole
        $time -= $step - int(rand $step / 12) - (rand() < 0.1 ? $step / 2 : 0);
        $time -= int(rand 10) * $step if rand() < 0.02;
        $time -= int(rand 3) + 1;
    }
}
@rows = shuffle @rows;
print "[", join(",", @rows), "]\n";

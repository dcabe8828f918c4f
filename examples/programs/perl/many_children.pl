use strict;
use warnings;

$| = 1;
my $children = 0;
for (1 .. 500) {
    my $pid = fork;
    last unless defined $pid;
    if ($pid == 0) { sleep 60; exit }
    $children++;
}
print $children < 500 ? "stopped early\n" : "no limit\n";
exit 6;

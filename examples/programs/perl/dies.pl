use strict;
use warnings;

$| = 1;
print "halfway\n";
$! = 11;
die "no way forward\n";

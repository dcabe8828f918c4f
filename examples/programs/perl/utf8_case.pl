use strict;
use warnings;
use utf8;
binmode STDOUT, ':encoding(UTF-8)';
binmode STDIN, ':encoding(UTF-8)';

chomp(my $line = <STDIN>);
print uc $line, "\n", length $line, "\n", scalar reverse($line), "\n";

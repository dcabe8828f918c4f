use strict;
use warnings;

my %groups;
for my $word (split ' ', do { local $/; <STDIN> }) {
    push @{ $groups{ join '', sort split //, lc $word } }, $word;
}
print join(' ', sort @{ $groups{$_} }), "\n" for grep { @{ $groups{$_} } > 1 } sort keys %groups;

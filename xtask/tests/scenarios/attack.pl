use Socket;
my @reached;
sub try { my ($what, $family, $address) = @_;
  socket(my $s, $family, SOCK_STREAM, 0) or return;
  push @reached, $what if connect($s, $address); }
try('unix', AF_UNIX, pack_sockaddr_un('SOCKET'));
try('abstract', AF_UNIX, pack_sockaddr_un("\0NAME"));
try('tcp', AF_INET, pack_sockaddr_in(PORT, INADDR_LOOPBACK));
for my $file (split / /, 'FILES') { push @reached, 'home' if open(my $in, '<', $file); }
my $seen = 0;
for my $process (glob '/proc/[0-9]*/cmdline') {
  open(my $in, '<', $process) or next;
  my $words = join '', <$in>;
  $seen = 1 if $words =~ /read line\0NAME/; }
push @reached, 'process' if $seen;
print 'tried everything, reached ', (@reached ? "@reached" : 'nothing'), ";\n";

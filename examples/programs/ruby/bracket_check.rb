PAIRS = { ")" => "(", "]" => "[", "}" => "{" }.freeze

STDIN.each_line(chomp: true) do |line|
  open = []
  balanced = line.each_char.all? do |char|
    next open.push(char) if PAIRS.value?(char)
    !PAIRS.key?(char) || open.pop == PAIRS[char]
  end
  puts "#{line} #{balanced && open.empty? ? "yes" : "no"}"
end

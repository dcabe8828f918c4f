use std::collections::BTreeMap;
use std::io::Read;

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("stdin is UTF-8");
    let mut letters: BTreeMap<char, usize> = BTreeMap::new();
    for letter in text.chars().filter(|c| c.is_alphabetic()) {
        *letters.entry(letter.to_ascii_lowercase()).or_default() += 1;
    }
    let (letter, times) = letters.iter().max_by_key(|&(letter, times)| (times, std::cmp::Reverse(letter))).unwrap();
    println!("{letter} {times}");
}

fn main() {
    println!("asleep");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

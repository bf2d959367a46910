//! Counts: tests as cargo's test runner counts them, and other checks.

use mote_host::base::progress::counted;

/// How much passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tests that passed.
    pub tests: usize,
    /// Other checks that passed.
    pub checks: usize,
    /// Tests and checks that failed.
    pub failed: usize,
}

impl Count {
    /// One failure.
    pub const FAILURE: Self = Self { tests: 0, checks: 0, failed: 1 };

    /// So many checks without a failure.
    pub fn checks(checks: usize) -> Self {
        Self { checks, ..Self::default() }
    }

    /// Of a cargo call that runs tests, by what it said and whether it ended well. A call that ran no test has
    /// proved nothing: it is a failure.
    pub fn of_tests(text: &str, succeeded: bool) -> Self {
        let mut count = Self::default();
        for line in text.lines().filter(|line| line.starts_with("test result:")) {
            let words: Vec<&str> = line.split([' ', ';']).collect();
            for pair in words.windows(2) {
                let number = pair[0].parse().unwrap_or(0);
                match pair[1] {
                    "passed" => count.tests += number,
                    "failed" => count.failed += number,
                    _ => {}
                }
            }
        }
        let has_run = count.tests + count.failed > 0;
        if count.failed == 0 && !(succeeded && has_run) {
            count.failed = 1;
        }
        count
    }

    /// Of a call that is one check.
    pub fn of_check(succeeded: bool) -> Self {
        if succeeded { Self::checks(1) } else { Self::FAILURE }
    }

    /// What to say of it.
    pub fn text(&self) -> String {
        let passed = match (self.tests, self.checks) {
            (0, checks) => format!("{} passed", counted(checks, "check")),
            (tests, 0) => format!("{} passed", counted(tests, "test")),
            (tests, checks) => format!("{} passed, {} passed", counted(tests, "test"), counted(checks, "check")),
        };
        format!("{passed}, {} failed", self.failed)
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.tests += other.tests;
        self.checks += other.checks;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "running 2 tests
test a ... ok
test b ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s

running 5 tests
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";
    const NONE: &str =
        "test result: ok. 0 passed; 0 failed; 4 ignored; 0 measured; 9 filtered out; finished in 0.00s\n";

    #[test]
    fn tests_of_all_programs_are_added_up() {
        let count = Count::of_tests(TWO, false);
        assert_eq!(count, Count { tests: 5, checks: 0, failed: 2 });
        assert_eq!(count.text(), "5 tests passed, 2 failed");
    }

    #[test]
    fn no_test_is_a_failure() {
        assert_eq!(Count::of_tests(NONE, true), Count::FAILURE);
        assert_eq!(Count::of_tests("", true), Count::FAILURE);
        // Doc tests that are not there do not hide that the others ran.
        let first = TWO.split("\n\n").next().unwrap();
        assert_eq!(Count::of_tests(&format!("{first}\n{NONE}"), true), Count { tests: 2, checks: 0, failed: 0 });
    }

    #[test]
    fn a_call_that_fails_is_a_failure_whatever_it_said() {
        let first = TWO.split("\n\n").next().unwrap();
        assert_eq!(Count::of_tests(first, false), Count { tests: 2, checks: 0, failed: 1 });
        assert_eq!(Count::of_check(false), Count::FAILURE);
        assert_eq!(Count::of_check(true).text(), "1 check passed, 0 failed");
    }
}

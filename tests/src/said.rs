//! What a session said, for its tests.

use mote_protocol::answer::Answer;

/// How many lines are answers: one to each command.
pub fn answers(lines: &[String]) -> Vec<Answer> {
    let answer = |line: &String| Answer::parse(line).ok();
    lines.iter().filter_map(answer).filter(|a| matches!(a, Answer::Ok(..) | Answer::Refused(..))).collect()
}

/// The one refusal that is there: its command and its code.
pub fn refusal(lines: &[String]) -> (String, String) {
    match answers(lines).as_slice() {
        [Answer::Refused(name, code, _)] => (name.to_string(), code.to_string()),
        other => panic!("expected one refusal, found {other:?}"),
    }
}

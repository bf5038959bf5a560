//! Reading a condition from text into its binary form.

use super::scanner::{Scanner, name_units};
use crate::security::condition::{
    self, AND, Form, Literal, NOT, OPERATORS, OR, Operator, SIGNATURE, Scope, Token,
};
use crate::security::error::SecurityError;

/// What waits for its right operand.
enum Waiting {
    Parenthesis,
    Operator(&'static Operator),
}

/// Reads a condition in parentheses and gives its binary form.
///
/// The operators wait on a stack of our own (the shunting-yard algorithm), for conditions nest as deep as they like.
pub(super) fn condition(scanner: &mut Scanner<'_>) -> Result<Vec<u8>, SecurityError> {
    let mut out = SIGNATURE.to_vec();
    scanner.expect("(", "a condition in parentheses")?;
    let mut waiting = vec![Waiting::Parenthesis];
    while !waiting.is_empty() {
        operand(scanner, &mut waiting, &mut out)?;
        operator(scanner, &mut waiting, &mut out)?;
    }
    out.resize(out.len().next_multiple_of(4), 0);
    Ok(out)
}

/// Reads opening parentheses and negations, then what they are about.
fn operand(
    scanner: &mut Scanner<'_>,
    waiting: &mut Vec<Waiting>,
    out: &mut Vec<u8>,
) -> Result<(), SecurityError> {
    loop {
        scanner.skip_space();
        if scanner.eat("(") {
            waiting.push(Waiting::Parenthesis);
        } else if scanner.eat(NOT.word) {
            waiting.push(Waiting::Operator(&NOT));
        } else {
            return term(scanner, out);
        }
    }
}

/// Reads closing parentheses, then `&&` or `||` unless the last parenthesis was closed.
fn operator(
    scanner: &mut Scanner<'_>,
    waiting: &mut Vec<Waiting>,
    out: &mut Vec<u8>,
) -> Result<(), SecurityError> {
    loop {
        scanner.skip_space();
        if scanner.eat(")") {
            release(waiting, out, |_| true);
            waiting.pop();
            if waiting.is_empty() {
                return Ok(());
            }
            continue;
        }
        let Some(operator) = [&AND, &OR].into_iter().find(|operator| scanner.eat(operator.word)) else {
            return Err(scanner.error("&&, || or a closing parenthesis"));
        };
        release(waiting, out, |before| before.form != Form::Or || operator.form == Form::Or);
        waiting.push(Waiting::Operator(operator));
        return Ok(());
    }
}

/// Writes the waiting operators that `binds` says come before the next one, back to the last parenthesis.
fn release(waiting: &mut Vec<Waiting>, out: &mut Vec<u8>, binds: impl Fn(&Operator) -> bool) {
    while let Some(Waiting::Operator(operator)) = waiting.last() {
        if !binds(operator) {
            return;
        }
        out.push(operator.code);
        waiting.pop();
    }
}

/// Reads an attribute, a comparison or a question of membership or existence.
fn term(scanner: &mut Scanner<'_>, out: &mut Vec<u8>) -> Result<(), SecurityError> {
    let unary = peek_operator(scanner, |form| matches!(form, Form::Existence | Form::Membership));
    if let Some(operator) = unary {
        scanner.eat(operator.word);
        let operand = in_parentheses(scanner, |scanner| match operator.form {
            Form::Existence => attribute(scanner),
            _ => literal(scanner).map(Token::Literal),
        })?;
        condition::encode(&operand, out);
        out.push(operator.code);
        return Ok(());
    }
    condition::encode(&attribute(scanner)?, out);
    scanner.skip_space();
    if let Some(operator) = peek_operator(scanner, |form| form == Form::Relation) {
        scanner.eat(operator.word);
        condition::encode(&in_parentheses(scanner, value)?, out);
        out.push(operator.code);
    }
    Ok(())
}

/// The operator that comes next, if its form is wanted. One made of letters must be a whole word.
fn peek_operator(scanner: &Scanner<'_>, wanted: impl Fn(Form) -> bool) -> Option<&'static Operator> {
    let rest = scanner.rest();
    let word = rest.split(|c: char| !c.is_ascii_alphabetic() && c != '_').next().unwrap_or_default();
    OPERATORS.iter().filter(|operator| wanted(operator.form)).find(|operator| {
        rest.starts_with(operator.word) && word.is_empty() || word.eq_ignore_ascii_case(operator.word)
    })
}

/// Reads what may be in any number of parentheses.
fn in_parentheses(
    scanner: &mut Scanner<'_>,
    read: impl Fn(&mut Scanner<'_>) -> Result<Token, SecurityError>,
) -> Result<Token, SecurityError> {
    let mut open = 0_usize;
    scanner.skip_space();
    while scanner.eat("(") {
        open += 1;
        scanner.skip_space();
    }
    let token = read(scanner)?;
    for _ in 0..open {
        scanner.expect(")", "a closing parenthesis")?;
    }
    Ok(token)
}

/// Reads the right side of a comparison.
fn value(scanner: &mut Scanner<'_>) -> Result<Token, SecurityError> {
    let rest = scanner.rest();
    let is_sid = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("SID"))
        && rest.get(3..).unwrap_or_default().trim_start().starts_with('(');
    match scanner.peek() {
        Some('"' | '#' | '{' | '+' | '-' | '0'..='9') => literal(scanner).map(Token::Literal),
        _ if is_sid => literal(scanner).map(Token::Literal),
        _ => attribute(scanner),
    }
}

fn attribute(scanner: &mut Scanner<'_>) -> Result<Token, SecurityError> {
    let prefixes = [("@USER.", Scope::User), ("@RESOURCE.", Scope::Resource), ("@DEVICE.", Scope::Device)];
    let prefix = prefixes.into_iter().find(|(prefix, _)| scanner.eat(prefix));
    let scope = prefix.map_or(Scope::Local, |(_, scope)| scope);
    let name = match scope {
        Scope::Local if scanner.peek() == Some('@') => "",
        Scope::Local => scanner.name(|c| c != '{' && c != '}'),
        _ => scanner.name(|_| true),
    };
    if name.is_empty() {
        return Err(scanner.error("an attribute, such as @USER.Title"));
    }
    Ok(Token::Attribute(scope, name_units(name)))
}

fn literal(scanner: &mut Scanner<'_>) -> Result<Literal, SecurityError> {
    if !scanner.eat("{") {
        return single(scanner);
    }
    let mut items = Vec::new();
    scanner.skip_space();
    while !scanner.eat("}") {
        if !items.is_empty() {
            scanner.expect(",", "a comma or a closing brace")?;
            scanner.skip_space();
        }
        items.push(single(scanner)?);
        scanner.skip_space();
    }
    Ok(Literal::Composite(items))
}

/// Reads a value that is not a list.
fn single(scanner: &mut Scanner<'_>) -> Result<Literal, SecurityError> {
    match scanner.peek() {
        Some('"') => Ok(Literal::Text(scanner.quoted()?.encode_utf16().collect())),
        Some('+' | '-' | '0'..='9') => scanner.integer().map(Literal::Integer),
        Some('#') => {
            scanner.eat("#");
            scanner.octets().map(Literal::Octets)
        }
        _ if scanner.eat("SID") => {
            scanner.expect("(", "a sid in parentheses")?;
            let sid = scanner.sid()?;
            scanner.expect(")", "a closing parenthesis")?;
            Ok(Literal::Sid(sid))
        }
        _ => Err(scanner.error("a value: a number, \"text\", #octets, SID(…) or {…}")),
    }
}

//! Writing a binary condition as text.

use super::text::{push, write_name, write_quoted, write_sid};
use crate::security::condition::{
    self, Base, Form, Integer, Literal, NOT, OPERATORS, Operator, Scope, Sign, Token,
};

/// A token and the places of its operands among the nodes.
struct Node {
    token: Token,
    operands: [usize; 2],
}

/// A piece of output that is still to be made.
enum Piece {
    Node(usize),
    Text(&'static str),
}

/// Writes the condition in `data` in parentheses; the error says why it cannot be written.
pub(super) fn write(data: &[u8], out: &mut String) -> Result<(), &'static str> {
    let nodes = tree(condition::decode(data)?)?;
    // A stack of our own: conditions nest as deep as they are long.
    let mut pieces = vec![Piece::Text(")"), Piece::Node(nodes.len() - 1), Piece::Text("(")];
    while let Some(piece) = pieces.pop() {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Node(at) => {
                if let Some(node) = nodes.get(at) {
                    write_node(node, &mut pieces, out)?;
                }
            }
        }
    }
    Ok(())
}

/// Finds the operands of every operator. The last node is the whole condition.
fn tree(tokens: Vec<Token>) -> Result<Vec<Node>, &'static str> {
    const MISSING: &str = "an operator in it has no operand";
    let mut nodes: Vec<Node> = Vec::with_capacity(tokens.len());
    let mut stack: Vec<usize> = Vec::new();
    for token in tokens {
        let mut operands = [0; 2];
        if let Token::Operator(operator) = &token {
            let count = operand_count(operator);
            for slot in operands.iter_mut().take(count).rev() {
                *slot = stack.pop().ok_or(MISSING)?;
            }
            for (index, &operand) in operands.iter().take(count).enumerate() {
                let token = nodes.get(operand).map(|node| &node.token).ok_or(MISSING)?;
                check_operand(operator, index, token)?;
            }
        }
        stack.push(nodes.len());
        nodes.push(Node { token, operands });
    }
    match (stack.as_slice(), nodes.last().map(|node| &node.token)) {
        ([_], Some(Token::Attribute(..) | Token::Operator(_))) => Ok(nodes),
        _ => Err("it is not one condition"),
    }
}

fn operand_count(operator: &Operator) -> usize {
    match operator.form {
        Form::Relation | Form::And | Form::Or => 2,
        Form::Existence | Form::Membership | Form::Not => 1,
    }
}

fn check_operand(operator: &Operator, index: usize, operand: &Token) -> Result<(), &'static str> {
    let fits = match (operator.form, operand) {
        (Form::Relation | Form::Existence, Token::Attribute(..)) | (Form::Membership, Token::Literal(_)) => {
            true
        }
        (Form::Relation, Token::Literal(_)) => index == 1,
        (Form::And | Form::Or | Form::Not, Token::Attribute(..) | Token::Operator(_)) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err("an operator in it has an operand of a wrong kind") }
}

fn write_node(node: &Node, pieces: &mut Vec<Piece>, out: &mut String) -> Result<(), &'static str> {
    let [first, second] = node.operands.map(Piece::Node);
    match &node.token {
        Token::Literal(literal) => write_literal(literal, out)?,
        Token::Attribute(scope, name) => write_attribute(*scope, name, out)?,
        Token::Operator(operator) => match operator.form {
            Form::Relation => {
                pieces.extend([second, Piece::Text(" "), Piece::Text(operator.word), Piece::Text(" "), first])
            }
            Form::Existence | Form::Membership => {
                pieces.extend([first, Piece::Text(" "), Piece::Text(operator.word)]);
            }
            Form::And | Form::Or => pieces.extend([
                Piece::Text(")"),
                second,
                Piece::Text(" ("),
                Piece::Text(operator.word),
                Piece::Text(") "),
                first,
                Piece::Text("("),
            ]),
            Form::Not => {
                pieces.extend([Piece::Text(")"), first, Piece::Text("("), Piece::Text(NOT.word)]);
            }
        },
    }
    Ok(())
}

fn write_attribute(scope: Scope, name: &[u16], out: &mut String) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("an attribute in it has no name");
    }
    match scope {
        Scope::User => out.push_str("@USER."),
        Scope::Resource => out.push_str("@RESOURCE."),
        Scope::Device => out.push_str("@DEVICE."),
        Scope::Local => {
            write_local(name, out);
            return Ok(());
        }
    }
    write_name(name, |_, _| true, out);
    Ok(())
}

/// Writes the name of a local attribute so that it cannot be taken for a value, a prefix or an operator.
fn write_local(name: &[u16], out: &mut String) {
    let text = String::from_utf16_lossy(name);
    let mut words = OPERATORS.iter().map(|operator| operator.word).chain(["SID"]);
    let is_word = words.any(|word| word.eq_ignore_ascii_case(&text));
    let is_plain = |at, c: char| match at {
        0 => (c.is_ascii_alphabetic() || c == '_') && !is_word,
        _ => c != '{' && c != '}',
    };
    write_name(name, is_plain, out);
}

fn write_literal(literal: &Literal, out: &mut String) -> Result<(), &'static str> {
    match literal {
        Literal::Integer(integer) => write_integer(*integer, out),
        Literal::Text(text) => write_quoted(text, out)?,
        Literal::Octets(octets) => {
            out.push('#');
            octets.iter().for_each(|octet| push(out, format_args!("{octet:02x}")));
        }
        Literal::Sid(sid) => {
            out.push_str("SID(");
            write_sid(sid, out);
            out.push(')');
        }
        Literal::Composite(items) => {
            out.push('{');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_literal(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_integer(integer: Integer, out: &mut String) {
    let magnitude = match integer.sign {
        Sign::Minus => integer.bits.wrapping_neg(),
        Sign::Plus | Sign::None => integer.bits,
    };
    out.push_str(match integer.sign {
        Sign::Plus => "+",
        Sign::Minus => "-",
        Sign::None => "",
    });
    match integer.base {
        Base::Octal => push(out, format_args!("0{magnitude:o}")),
        Base::Decimal => push(out, format_args!("{magnitude}")),
        Base::Hexadecimal => push(out, format_args!("{magnitude:#x}")),
    }
}

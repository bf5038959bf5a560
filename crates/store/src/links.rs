//! Where the symbolic links and junctions of a layer lead when the layer is mounted on another system than Windows.

use winlayer_core::LayerPath;
use winlayer_core::path::{Root, parent};

use crate::view::ChainView;

/// The target of a link as Linux has to read it: a relative path with slashes, spelled as the chain spells it, so that
/// it resolves wherever the chain is mounted.
///
/// A target on `C:` or without a drive leads into the mount. Any other (another drive, a share, a volume) leads out of
/// it; its text is kept, with slashes, and resolves to nothing.
pub(crate) fn resolve_target(view: &ChainView, link: &LayerPath, target: &[u8]) -> Vec<u8> {
    let slashed: Vec<u8> = target.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect();
    let Some(path) = path_in_files(link, &slashed) else { return slashed };
    let spelled = spelled_as_far_as_it_exists(view, &path);
    relative(link, &spelled)
}

/// The components below `Files` that a target leads to; `None` if it leads out of `C:`.
fn path_in_files(link: &LayerPath, target: &[u8]) -> Option<Vec<Vec<u8>>> {
    let target = target.strip_prefix(b"//?/").or_else(|| target.strip_prefix(b"/??/")).unwrap_or(target);
    let (mut path, rest) = match target {
        [b'C' | b'c', b':', b'/', rest @ ..] => (Vec::new(), rest),
        [b'C' | b'c', b':'] => (Vec::new(), &[][..]),
        [_, b':', ..] | [b'/', b'/', ..] => return None,
        [b'/', rest @ ..] => (Vec::new(), rest),
        relative if target.starts_with(b"Volume{") => return relative.is_empty().then(Vec::new),
        relative => (components(parent(link.as_bytes())?).skip(1).map(<[u8]>::to_vec).collect(), relative),
    };
    for component in components(rest) {
        match component {
            b"." => {}
            b".." => drop(path.pop()),
            name => path.push(name.to_vec()),
        }
    }
    Some(path)
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|component| !component.is_empty())
}

/// The path with the case that the chain gives it; what does not exist stays as it is.
fn spelled_as_far_as_it_exists(view: &ChainView, path: &[Vec<u8>]) -> Vec<u8> {
    for known in (0..=path.len()).rev() {
        let mut full = Root::Files.name().as_bytes().to_vec();
        for component in &path[..known] {
            full.push(b'/');
            full.extend_from_slice(component);
        }
        if let Ok(node) = view.find(&LayerPath::from_checked(full)) {
            let mut spelled = node.path.in_files().unwrap_or_default().to_vec();
            for component in &path[known..] {
                if !spelled.is_empty() {
                    spelled.push(b'/');
                }
                spelled.extend_from_slice(component);
            }
            return spelled;
        }
    }
    path.join(&b'/')
}

/// The way from the directory of `link` to a path below `Files`.
fn relative(link: &LayerPath, target: &[u8]) -> Vec<u8> {
    let from = link.in_files().and_then(parent).unwrap_or_default();
    let (from, to): (Vec<_>, Vec<_>) = (components(from).collect(), components(target).collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(&b".."[..], from.len() - shared);
    let way: Vec<&[u8]> = up.chain(to[shared..].iter().copied()).collect();
    if way.is_empty() { b".".to_vec() } else { way.join(&b'/') }
}

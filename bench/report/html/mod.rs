use super::Report;
pub(super) fn render(_report: &Report) -> String {
    "</html>\n".into()
}

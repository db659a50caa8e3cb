"""A small corpus in three languages, of which none is written in Latin letters and one without spaces."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from scoring.bundle.bundle import write_bundle
from scoring.training.train import TrainingOptions, train

# Of each language reports of storms, then as many of banks.
REPORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hindi": (
            "तेज़ तूफ़ान के कारण बंदरगाह बंद कर दिया गया",
            "तूफ़ान और बारिश से बंदरगाह में नावें डूबीं",
            "समुद्र में तूफ़ान, मछुआरों को चेतावनी",
            "बैंक ने ब्याज दर बढ़ा दी",
            "ब्याज दर बढ़ने से बैंक के ग्राहक नाराज़",
            "केंद्रीय बैंक ने महँगाई पर चिंता जताई",
        ),
        "arabic": (
            "أغلقت العَاصِفَةُ الميناء القديم",
            "العاصفة والأمطار أغرقت القوارب في الميناء",
            "تحذير للصيادين من عاصفة في البحر",
            "رفع البنك سعر الفائدة",
            "سعر الفائدة المرتفع يغضب عملاء البنك",
            "البنك المركزي قلق من التضخم",
        ),
        "japanese": (
            "台風のため港が閉鎖された。",
            "台風と大雨で港の船が沈没した。",
            "海上の台風について漁師に警報が出た。",
            "銀行が金利を引き上げた。",
            "金利の上昇に銀行の顧客が怒っている。",
            "中央銀行は物価の上昇を心配している。",
        ),
    }
)


def build_languages(path: Path) -> None:
    """Train a bundle on all reports and publish it at `path`: a second."""
    texts = [report for reports in REPORTS.values() for report in reports]
    options = TrainingOptions(name="languages", dimensions=20, epochs=5, clusters=2, pooling="mean")
    write_bundle(path, train(texts * 3, options))
